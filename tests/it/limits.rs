//! What happens when the system has no more of something.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use actor_core::process::{Process, SpawnError};
use actor_core::queue::{Close, Queue};
use actor_tests::watch::until;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit};

use crate::harness::{METHODS, Trial, isolated_for_both, skip};

const GREEDY: &str = env!("CARGO_BIN_EXE_greedy");
const HOARDER: &str = env!("CARGO_BIN_EXE_hoarder");
const CROWD: &str = env!("CARGO_BIN_EXE_crowd");
const PLAIN_MAIN: &str = env!("CARGO_BIN_EXE_plain_main");

fn limit_descriptors(current: u64) -> Rlimit {
    let before = rustix::process::getrlimit(Resource::Nofile);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(current), ..before }).unwrap();
    before
}

/// Leaves no number free below the highest one that is open, and gives the one after it.
fn fill_holes() -> (Vec<File>, u64) {
    let mut fillers = Vec::new();
    let end = descriptors_end();
    loop {
        let filler = File::open("/dev/null").unwrap();
        let number = filler.as_raw_fd() as u64;
        fillers.push(filler);
        if end <= number {
            return (fillers, number + 1);
        }
    }
}

/// One more than the highest descriptor that is open, but for the one with which this is read.
fn descriptors_end() -> u64 {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers: Vec<u64> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    let is_open = |number: &u64| Path::new(&format!("/proc/self/fd/{number}")).exists();
    numbers.into_iter().filter(is_open).max().unwrap() + 1
}

/// More descriptors than a process needs.
const ROOM_MAX: u64 = 12;

#[test]
fn x_01_without_descriptors_nothing_is_spawned_and_all_goes_on() {
    isolated_for_both(|| {
        let queue = Queue::bounded(4).unwrap();
        let obedient = |queue: Queue<u32>| queue.recv().unwrap();
        let mut refused = 0;
        // With room for nothing, for a part of what a process needs, and for all of it.
        for room in 0..ROOM_MAX {
            let running = Process::spawn(obedient, queue.clone()).unwrap();
            let (fillers, end) = fill_holes();
            let before = limit_descriptors(end + room);
            match Process::spawn(|n: u64| n, room) {
                Ok(process) => assert_eq!(process.join(), Ok(room)),
                Err(SpawnError::System { .. }) => refused += 1,
                Err(error) => panic!("{error}"),
            }
            assert!(running.is_alive());
            queue.send(7).unwrap();
            assert_eq!(running.join(), Ok(7), "waiting needs no descriptor");
            rustix::process::setrlimit(Resource::Nofile, before).unwrap();
            drop(fillers);
        }
        assert!((1..ROOM_MAX).contains(&refused), "{refused} of {ROOM_MAX} were refused");
        assert_eq!(Process::spawn(|n: u32| n, 1).unwrap().join(), Ok(1));
        queue.close(Close::Now);
    });
}

/// From too few to begin with, to enough for all.
const FIRST_DESCRIPTORS: std::ops::Range<u32> = 4..40;

#[test]
fn x_01_no_number_of_descriptors_is_the_end_of_a_program_that_begins() {
    for method in METHODS {
        let (mut well, mut refused) = (0, 0);
        for limit in FIRST_DESCRIPTORS {
            let trial = Trial::new(&format!("x_01_no_number_of_descriptors ({limit}, {method:?})"), method);
            let mut command = trial.command(Path::new("sh"));
            let script = format!("ulimit -n {limit} && exec \"$@\"");
            let ended = trial.run(command.args(["-c", &script, "sh", PLAIN_MAIN]));
            // One that has no descriptor for its libraries does not begin.
            let has_begun = ended.text.lines().any(|line| line.starts_with("main:"));
            match ended.status.code() {
                Some(0) => well += 1,
                _ if !has_begun => {}
                Some(1) if ended.text.contains("Too many open files") => refused += 1,
                _ => panic!("{}: {}", ended.status, ended.text),
            }
            trial.assert_nothing_left();
        }
        assert!(4 < well && 4 < refused, "{well} went well, {refused} were refused");
    }
}

#[test]
fn x_02_at_the_limit_of_processes_a_spawn_fails_and_later_succeeds() {
    // Inherited, so that somebody who may not look into our directories can execute it.
    let program = rustix::fs::open(CROWD, OFlags::RDONLY, Mode::empty()).unwrap();
    for (method, user) in METHODS.into_iter().zip(60_000..) {
        let trial = Trial::new("x_02_at_the_limit_of_processes", method);
        let mut command = if rustix::process::geteuid().is_root() {
            // The limit does not hold for root, so this is somebody else.
            let user = user + std::process::id() % 1000 * 2;
            chown(trial.temporary.path(), Some(user), Some(user)).unwrap();
            let mut command = trial.command(Path::new(&format!("/proc/self/fd/{}", program.as_raw_fd())));
            command.uid(user).gid(user).arg("24");
            command
        } else {
            let own = rustix::process::geteuid().as_raw();
            let mut command = trial.command(Path::new(CROWD));
            command.arg((threads_of(own) + 24).to_string());
            command
        };
        let ended = trial.run(command.current_dir("/"));
        assert!(ended.status.success(), "{}", ended.text);
        let crowd: usize = trial.line("crowd:").parse().unwrap();
        assert!((4..24).contains(&crowd), "{crowd} found room");
        assert!(trial.line("refused:").contains("cannot be spawned"), "{}", ended.text);
        assert_eq!(trial.line("later:"), "5");
        trial.assert_nothing_left();
    }
}

/// Programs that take something away and then become the one that they are given.
const WITHOUT: [(&str, &[&str], &str); 3] = [
    ("address space", &["sh", "-c", "ulimit -v 4000000 && exec \"$@\"", "sh"], "TiB of address space"),
    ("large files", &["sh", "-c", "ulimit -f 1000000 && exec \"$@\"", "sh"], "TiB in a file in memory"),
    ("/proc", &["unshare", "-m", "sh", "-c", "umount -l /proc && exec \"$@\"", "sh"], "a node needs /proc"),
];

#[test]
fn what_a_node_lacks_is_named() {
    for (lacks, launcher, expected) in WITHOUT {
        let trial = Trial::new(&format!("what_a_node_lacks_is_named ({lacks})"), METHODS[0]);
        let mut probe = trial.command(Path::new(launcher[0]));
        if !trial.run(probe.args(&launcher[1..]).arg("true")).status.success() {
            skip(&format!("{lacks} cannot be taken away here"));
            continue;
        }
        let mut command = trial.command(Path::new(launcher[0]));
        let ended = trial.run(command.args(&launcher[1..]).arg(PLAIN_MAIN));
        assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
        assert!(ended.text.contains(expected), "{}", ended.text);
        trial.assert_nothing_left();
    }
}

/// How many threads a user has, which is what the limit counts.
fn threads_of(user: u32) -> usize {
    use std::os::unix::fs::MetadataExt;
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let own = processes.filter(|process| process.metadata().is_ok_and(|metadata| metadata.uid() == user));
    own.filter_map(|process| Some(std::fs::read_dir(process.path().join("task")).ok()?.count())).sum()
}

/// A control group with little memory, for as long as the value lives.
struct SmallGroup(PathBuf);

impl SmallGroup {
    const BYTES: &str = "134217728";

    /// # Errors
    /// Why there is none here.
    fn make() -> Result<SmallGroup, String> {
        let groups = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let own = |start: &str| groups.lines().find_map(|line| Some(line.split_once(start)?.1.trim_start_matches('/')));
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("actor-tests-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let (path, limits) = match (own(":memory:"), own("0::")) {
            (Some(own), _) => {
                let limits = [("memory.limit_in_bytes", Self::BYTES), ("memory.swappiness", "0")];
                (Path::new("/sys/fs/cgroup/memory").join(own).join(name), limits)
            }
            (None, Some(own)) => {
                let limits = [("memory.max", Self::BYTES), ("memory.swap.max", "0")];
                (Path::new("/sys/fs/cgroup").join(own).join(name), limits)
            }
            (None, None) => return Err("there are no control groups".into()),
        };
        fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let group = SmallGroup(path);
        for (file, value) in limits {
            let file = group.0.join(file);
            fs::write(&file, value).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(group)
    }
}

impl Drop for SmallGroup {
    fn drop(&mut self) {
        until("the control group is empty", || fs::remove_dir(&self.0).is_ok());
    }
}

#[test]
fn t_21_an_end_for_lack_of_memory_has_its_reason() {
    let group = match SmallGroup::make() {
        Ok(group) => group,
        Err(why) => return skip(&format!("t_21_an_end_for_lack_of_memory_has_its_reason: {why}")),
    };
    for method in METHODS {
        let trial = Trial::new("t_21_an_end_for_lack_of_memory_has_its_reason", method);
        let mut command = trial.command(Path::new("sh"));
        command.args(["-c", "echo $$ >\"$0/cgroup.procs\" && exec \"$1\""]).arg(&group.0).arg(GREEDY);
        let ended = trial.run(&mut command);
        assert!(ended.status.success(), "{}", ended.text);
        assert!(trial.line("greedy:").contains("reason: OomKilled"), "{}", ended.text);
        assert!(trial.line("modest:").contains("reason: Signaled { signal: 9"), "{}", ended.text);
        // And with an actor the work goes on.
        let overeaten = trial.line("overeaten:");
        assert!(overeaten.starts_with("Err(Died(") && overeaten.contains("reason: OomKilled"), "{overeaten}");
        assert_eq!(trial.line("eaten:"), "Ok(0), life Some(3)");
        trial.assert_nothing_left();
    }
}

/// Where there is no memory left there is an error, and nobody is killed for what was not sent.
#[test]
fn x_06_a_full_control_group_is_an_error() {
    let group = match SmallGroup::make() {
        Ok(group) => group,
        Err(why) => return skip(&format!("x_06_a_full_control_group_is_an_error: {why}")),
    };
    for method in METHODS {
        let trial = Trial::new("x_06_a_full_control_group_is_an_error", method);
        let mut command = trial.command(Path::new("sh"));
        command.args(["-c", "echo $$ >\"$0/cgroup.procs\" && exec \"$1\""]).arg(&group.0).arg(HOARDER);
        let ended = trial.run(&mut command);
        assert!(ended.status.success(), "{}", ended.text);
        assert!(trial.line("hoarder:").starts_with("Ok(\"no memory after "), "{}", ended.text);
        assert_eq!(trial.line("queues:"), "no memory", "{}", ended.text);
        assert_eq!((trial.line("bystander:"), trial.line("later:")), ("true".into(), "7".into()), "{}", ended.text);
        trial.assert_nothing_left();
    }
}
