//! Descriptors that are not what they should be, or more than anybody has asked for.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;

use actor_core::process::Process;
use actor_tests::hostile::control::channel_samples;
use actor_tests::hostile::socket::{framed, send_to_zygote};
use actor_tests::watch::{self, until};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, ftruncate, memfd_create};
use rustix::io::Errno;

use crate::harness::{Method, Trial, isolated, isolated_for_both};

const PLAIN_MAIN: &str = env!("CARGO_BIN_EXE_plain_main");

/// What the descriptors of a process are, without the one with which this is read.
fn descriptors_of(pid: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("the process lives").flatten();
    let targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    let names = targets.map(|target| target.to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with(&format!("/proc/{pid}/fd"))).collect()
}

/// Does to the memory of its node what would take it away under everybody's feet.
fn break_memory(_: ()) -> Vec<String> {
    let is_segment =
        |path: &Path| fs::read_link(path).is_ok_and(|to| to.to_string_lossy().contains("memfd:actor-core"));
    let mut paths = fs::read_dir("/proc/self/fd").unwrap().flatten().map(|entry| entry.path());
    let path = paths.find(|path| is_segment(path)).expect("a process has the memory of its node");
    let memory = File::options().read(true).write(true).open(path).unwrap();
    let size = memory.metadata().unwrap().len();
    let mut done = Vec::new();
    for (what, outcome) in [
        ("shrunk", ftruncate(&memory, size - 4096)),
        ("emptied", ftruncate(&memory, 0)),
        ("grown", ftruncate(&memory, size + 4096)),
        ("sealed", fcntl_add_seals(&memory, SealFlags::WRITE)),
    ] {
        if outcome != Err(Errno::PERM) {
            done.push(format!("{what}: {outcome:?}"));
        }
    }
    let seals = fcntl_get_seals(&memory).unwrap();
    if !seals.contains(SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL) {
        done.push(format!("{seals:?}"));
    }
    done
}

#[test]
fn h_14_nobody_changes_the_size_of_the_shared_memory() {
    isolated_for_both(|| {
        let done = Process::spawn(break_memory, ()).unwrap().join().unwrap();
        assert!(done.is_empty(), "{done:?}");
    });
}

/// So nothing of what is said about the start-up channel can be done by an actor.
#[test]
fn a_process_has_nothing_through_which_the_zygote_hears() {
    isolated_for_both(|| {
        let process = Process::spawn(|()| descriptors_of(std::process::id()), ()).unwrap();
        let descriptors = process.join().unwrap();
        assert!(descriptors.len() <= 5, "{descriptors:?}");
        assert!(!descriptors.iter().any(|name| name.starts_with("socket:")), "{descriptors:?}");
    });
}

#[test]
fn h_18_descriptors_that_nobody_has_asked_for_do_not_stay() {
    isolated(|| {
        let node = std::process::id();
        let spawn = || Process::spawn(|n: u32| n + 1, 1).ok().and_then(|process| process.join().ok());
        assert_eq!(spawn(), Some(2));
        let zygote = || watch::zygote_of(node).map(|seen| seen.pid);
        let count = |pid: u32| descriptors_of(pid).len();
        let of_zygote = count(zygote().expect("it has made a process"));
        let of_node = count(node);
        let no_order = [1, 9, 0xff, 0x7f];
        for message in [framed(&no_order), framed(&channel_samples()[1]), vec![0; 8], framed(&no_order)] {
            send_to_zygote(&message, 253);
            until("the node starts processes", || spawn() == Some(2));
            // The descriptors that came are gone, with the zygote that got them if need be.
            until("the zygote has as many as ever", || zygote().is_some_and(|pid| count(pid) == of_zygote));
            until("the node has as many as ever", || count(node) == of_node);
        }
    });
}

/// How a shell gives something else to a program in the place where a process of ours finds the memory.
const IMPOSTORS: [(&str, &str); 6] = [
    ("a directory", "exec 3< /"),
    ("a device", "exec 3< /dev/null"),
    ("a file that can only be read", "exec 3< /proc/self/stat"),
    ("a pipe", "exec 3< \"$TMPDIR/pipe\""),
    ("nothing", "exec 3<&-"),
    ("a terminal's stand-in", "exec 3<&0"),
];

#[test]
fn h_19_what_is_no_memory_of_a_node_makes_nobody_an_actor() {
    for (what, redirection) in IMPOSTORS {
        for role in ["actor:2", "zygote:/tmp/x", "zygote:cgroup:/tmp/x"] {
            let trial = Trial::new(&format!("{role} with {what}"), Method::Zygote);
            let pipe = trial.temporary.path().join("pipe");
            let mut command = trial.command(Path::new("sh"));
            // Opened for both directions, or the shell waits for a writer.
            let redirection = redirection.replace("3< \"$TMPDIR/pipe\"", "3<> \"$TMPDIR/pipe\"");
            let script = format!("mkfifo \"$TMPDIR/pipe\"; {redirection}; rm \"$TMPDIR/pipe\"; exec \"$0\"");
            command.args(["-c", &script, PLAIN_MAIN]).env("ACTOR_CORE_ROLE", role);
            let ended = trial.run(&mut command);
            assert!(ended.status.success(), "{what}: {}", ended.text);
            assert!(ended.text.contains("main"), "its main has run: {}", ended.text);
            assert!(!pipe.exists());
            trial.assert_nothing_left();
        }
    }
}

/// Of the right size, and even marked as one, but not sealed: somebody could take it away.
#[test]
fn memory_that_is_not_sealed_makes_nobody_an_actor() {
    use std::os::unix::process::CommandExt;
    let memory = memfd_create("impostor", MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&memory, 1 << 20).unwrap();
    let mut file = File::from(memory);
    file.write_all(b"actorcor").unwrap();
    let trial = Trial::new("actor:2 with memory", Method::Zygote);
    let mut command = trial.command(Path::new("sh"));
    let number = std::os::fd::AsRawFd::as_raw_fd(&file.as_fd());
    let script = format!("exec 3<> /proc/{}/fd/{number}; exec \"$0\"", std::process::id());
    command.args(["-c", &script, PLAIN_MAIN]).env("ACTOR_CORE_ROLE", "actor:2").arg0("sh");
    let ended = trial.run(&mut command);
    assert!(ended.status.success() && ended.text.contains("main"), "{}", ended.text);
    trial.assert_nothing_left();
}
