//! Tests in processes of their own, under a watchdog, after which nothing may be left.
//!
//! A test calls [`isolated`] with its body. In the test runner that starts this same executable
//! anew, with only this test; there the body runs between two looks at all that the process has.
//! Meanwhile the runner waits, but not for ever. Afterwards it looks at what the process could not
//! see itself: orphans, which are known by a mark in their environment, and temporary files.
//!
//! Programs of other kinds are started through a [`Trial`], and are watched in the same way.

use std::any::type_name;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use actor_core::testing::Snapshot;
use actor_tests::watch::{self, bound, wait_for};
use actor_tests::{foreign, groups, memory};
use rustix::process::{Pid, PidfdFlags, Signal};
use tempfile::TempDir;

/// Names the test whose body is to be run in this process.
const INSIDE: &str = "ACTOR_TESTS_INSIDE";
/// Which trial a process belongs to.
const MARK: &str = "ACTOR_TESTS_MARK";
/// How a node starts its processes.
const START_METHOD: &str = "ACTOR_CORE_START_METHOD";

/// How long a body or program may take, unless the test knows better.
const LIMIT: Duration = Duration::from_secs(60);
/// How long one may take that does something ten thousand times.
const LONG_LIMIT: Duration = Duration::from_secs(300);
/// How long what a dead process leaves may take to follow it.
const FOLLOW_LIMIT: Duration = Duration::from_secs(1);

/// A way in which a node starts its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Zygote,
    Exec,
}

pub(crate) const METHODS: [Method; 2] = [Method::Zygote, Method::Exec];

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Zygote => "zygote",
            Method::Exec => "exec",
        }
    }

    /// The method of this process, in the body of a test.
    pub(crate) fn here() -> Method {
        match std::env::var(START_METHOD).as_deref() {
            Ok("exec") => Method::Exec,
            _ => Method::Zygote,
        }
    }
}

/// Runs `body` in a process of its own and asserts that nothing is left of it.
pub(crate) fn isolated<F: Fn()>(body: F) {
    run(body, &[Method::Zygote], LIMIT, &[]);
}

/// [`isolated`], with the process started by way of another program, which is given its command
/// line as further arguments.
pub(crate) fn isolated_through<F: Fn()>(launcher: &[&str], body: F) {
    run(body, &[Method::Zygote], LIMIT, launcher);
}

/// [`isolated`] for a body that takes long, on a machine that does other things besides.
pub(crate) fn isolated_and_long<F: Fn()>(body: F) {
    run(body, &[Method::Zygote], LONG_LIMIT, &[]);
}

/// [`isolated`], once for each way in which processes are started.
pub(crate) fn isolated_for_both<F: Fn()>(body: F) {
    run(body, &METHODS, LIMIT, &[]);
}

/// [`isolated_for_both`] for a body that takes long, on a machine that does other things besides.
pub(crate) fn isolated_for_both_and_long<F: Fn()>(body: F) {
    run(body, &METHODS, LONG_LIMIT, &[]);
}

/// Runs `body` in a process of its own that is killed as soon as it has written a line that begins with
/// `ready:`, and asserts that nobody outlives it.
pub(crate) fn killed_when_ready<F: Fn()>(body: F) {
    let name = test_name::<F>();
    if std::env::var(INSIDE).is_ok_and(|inside| inside == name) {
        // The runner has begun a line.
        println!();
        body();
        unreachable!("it was to be killed in there");
    }
    for method in METHODS {
        let trial = Trial::new(&format!("{name} ({})", method.name()), method);
        let mut command = trial.command(&std::env::current_exe().expect("this program has a path"));
        let mut child = start_inside(&mut command, name).spawn().expect("this program can be started");
        trial.line("ready:");
        assert!(1 < trial.processes().len(), "there is somebody who could outlive it");
        child.kill().expect("it is our child");
        trial.assert_nobody_left();
        assert!(!trial.wait(&mut child).success());
        trial.assert_nothing_left();
    }
}

/// Has a command that starts this program run the body of one test.
fn start_inside<'a>(command: &'a mut Command, name: &str) -> &'a mut Command {
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(INSIDE, name)
}

/// Says visibly that a test could not be made here, and why. For the body of a test, which returns
/// after that.
pub(crate) fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "{SKIP}{reason}");
}

const SKIP: &str = "SKIP: ";

fn run<F: Fn()>(body: F, methods: &[Method], limit: Duration, launcher: &[&str]) {
    let name = test_name::<F>();
    if std::env::var(INSIDE).is_ok_and(|inside| inside == name) {
        let before = Snapshot::take();
        body();
        before.assert_no_leaks();
        return;
    }
    for method in methods {
        let mut trial = Trial::new(&format!("{name} ({})", method.name()), *method);
        trial.limit = limit;
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = match launcher {
            [] => trial.command(&program),
            [first, rest @ ..] => {
                let mut command = trial.command(Path::new(first));
                command.args(rest).arg(&program);
                command
            }
        };
        let ended = trial.run(start_inside(&mut command, name));
        // No test of that name would be no test that failed.
        let is_one = ended.text.contains("1 passed");
        assert!(ended.status.success() && is_one, "{}: {}\n{}", trial.name, ended.status, ended.text);
        trial.assert_nothing_left();
    }
}

/// The path of a test within the test program, from the type of a closure in it.
fn test_name<F>() -> &'static str {
    let path = type_name::<F>();
    let path = path.split_once("::").map_or(path, |(_crate, path)| path);
    path.split("::{{closure}}").next().unwrap_or(path)
}

/// One run of a program: its mark, its directory and its limit.
pub(crate) struct Trial {
    name: String,
    mark: String,
    method: Method,
    limit: Duration,
    /// For output and other things of the test's own.
    pub(crate) directory: TempDir,
    /// What the program takes for the system's.
    pub(crate) temporary: TempDir,
    shared_memory_before: Vec<String>,
    /// The programs that were waited for, each of which may have been a node.
    ended: Mutex<Vec<u32>>,
}

/// What is known about a program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// What it has written to stdout and stderr.
    pub(crate) text: String,
}

impl Trial {
    pub(crate) fn new(name: &str, method: Method) -> Trial {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = || tempfile::tempdir().expect("there is a place for temporary files");
        Trial {
            name: name.to_owned(),
            mark,
            method,
            limit: LIMIT,
            directory: directory(),
            temporary: directory(),
            shared_memory_before: memory::names(),
            ended: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How to start `program` as part of this trial: alone in its process group, with its output
    /// in a file.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        self.prepare(&mut command);
        command
    }

    /// Makes any command one of this trial.
    pub(crate) fn prepare(&self, command: &mut Command) {
        use std::os::unix::process::CommandExt;
        let output = || File::options().append(true).create(true).open(self.output()).expect("output can be kept");
        command.env(MARK, &self.mark).env("TMPDIR", self.temporary.path()).env(START_METHOD, self.method.name());
        command.env("RUST_BACKTRACE", "0").process_group(0);
        command.stdin(Stdio::null()).stdout(output()).stderr(output());
        foreign::hear_signals(command);
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// It takes too long; it is killed then.
    pub(crate) fn run(&self, command: &mut Command) -> Ended {
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {command:?}: {error}", self.name));
        let status = self.wait(&mut child);
        Ended { status, text: self.text() }
    }

    /// Waits for a program that was started with a command of this trial.
    ///
    /// # Panics
    /// It takes too long; it is killed then.
    pub(crate) fn wait(&self, child: &mut Child) -> ExitStatus {
        if wait_until_dead(child, bound(self.limit)) {
            self.ended.lock().expect("nobody panics with it").push(child.id());
            return child.wait().expect("a child has a status");
        }
        let group = Pid::from_child(child);
        // Not yet waited for, so the number is its own.
        rustix::process::kill_process_group(group, Signal::KILL).expect("a child can be killed");
        let status = child.wait().expect("a child has a status");
        panic!("{} was killed after {:?} ({status})\n{}", self.name, bound(self.limit), self.text());
    }

    /// What the programs have written so far.
    pub(crate) fn text(&self) -> String {
        let text = fs::read(self.output()).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Waits until a program has written a line that begins like this, and gives the rest of it.
    ///
    /// # Panics
    /// It does not.
    pub(crate) fn line(&self, beginning: &str) -> String {
        let line = || {
            self.text().split_inclusive('\n').find_map(|line| {
                let rest = line.strip_prefix(beginning)?.strip_suffix('\n')?;
                Some(rest.trim().to_owned())
            })
        };
        wait_for(LIMIT / 2, line).unwrap_or_else(|| panic!("{}: no `{beginning}` in\n{}", self.name, self.text()))
    }

    /// Asserts that a second after its end nothing is left of a program.
    pub(crate) fn assert_nothing_left(&self) {
        self.assert_nobody_left();
        let files: Vec<_> = fs::read_dir(self.temporary.path()).expect("it is there").flatten().collect();
        assert!(files.is_empty(), "{} left temporary files: {files:?}\n{}", self.name, self.text());
        let new = || {
            let names = memory::names().into_iter();
            names.filter(|name| !self.shared_memory_before.contains(name)).collect::<Vec<_>>()
        };
        assert!(new().is_empty(), "{} left shared memory: {:?}", self.name, new());
        self.ended.lock().expect("nobody panics with it").iter().for_each(|pid| self.assert_no_groups_left(*pid));
    }

    /// Asserts that a second from now nothing is left of a node's control groups.
    pub(crate) fn assert_no_groups_left(&self, node: u32) {
        let is_clean = wait_for(FOLLOW_LIMIT, || groups::of_node(node).is_empty().then_some(()));
        assert!(is_clean.is_some(), "{} left control groups: {:?}", self.name, groups::of_node(node));
    }

    /// Asserts that all processes of this trial end within a second from now, and tells how long
    /// that took.
    pub(crate) fn assert_nobody_left(&self) -> Duration {
        let begin = Instant::now();
        let is_alone = wait_for(FOLLOW_LIMIT, || self.processes().is_empty().then_some(()));
        let left = self.processes();
        assert!(is_alone.is_some(), "{} left processes: {left:#?}", self.name);
        begin.elapsed()
    }

    /// The processes of this trial that live.
    pub(crate) fn processes(&self) -> Vec<watch::Seen> {
        watch::marked(MARK, &self.mark)
    }

    fn output(&self) -> std::path::PathBuf {
        self.directory.path().join("output")
    }
}

/// Whoever was started by a failed trial is not left to the machine, and what it has skipped is
/// told to people, past the runner's capture.
impl Drop for Trial {
    fn drop(&mut self) {
        for seen in self.processes() {
            let Some(pid) = i32::try_from(seen.pid).ok().and_then(Pid::from_raw) else { continue };
            let Ok(pidfd) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { continue };
            // Looked at again after it was opened: the number could have become another's.
            if self.processes().iter().any(|again| again.pid == seen.pid) {
                let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
            }
        }
        for line in self.text().lines().filter_map(|line| line.strip_prefix(SKIP)) {
            let _ = writeln!(std::io::stderr(), "{SKIP}{}: {line}", self.name);
        }
    }
}

fn wait_until_dead(child: &Child, limit: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec};
    let pidfd = rustix::process::pidfd_open(Pid::from_child(child), PidfdFlags::empty()).expect("it is our child");
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match rustix::event::poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("a child cannot be watched: {error}"),
        }
    }
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        assert_eq!(test_name::<fn()>(), "fn()");
        let process = actor_core::process::Process::spawn(|n: u32| n + 1, 1).unwrap();
        assert_eq!(process.join(), Ok(2));
    });
}

#[test]
fn what_is_left_is_found() {
    let trial = Trial::new("what_is_left_is_found", Method::Zygote);
    let mut command = trial.command(Path::new("sh"));
    command.args(["-c", "sleep 1000 & touch \"$TMPDIR/file\"; echo started: yes"]);
    assert!(trial.run(&mut command).status.success());
    assert_eq!(trial.line("started:"), "yes");
    assert_eq!(trial.processes().len(), 1);
    std::panic::catch_unwind(|| trial.assert_nobody_left()).expect_err("somebody is left");
    let left = trial.processes();
    drop(trial);
    watch::until("the one who was left is gone", || !watch::is_alive(left[0].pid));
}
