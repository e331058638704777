//! Zygotes and processes, made and killed as the node does it.
//!
//! The test process is the node; processes are tied to the thread that made them, so each test
//! starts its own.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use super::entry::tests::OTHER_CALLS;
use super::launch::{self, Announcement, UnnamedZygote};
use super::order::tests::order;
use super::{Arguments, Order, Start, StartMethod};
use crate::control::{self, Answer, Line};
use crate::exit::EndKind;
use crate::id::Participant;
use crate::shm::roster::{Record, Stage};
use crate::shm::segment::{Segment, segment};
use crate::sys::exec::Started;
use crate::sys::pidfd::{self, End};
use crate::sys::{Pid, Signal, epoll, eventfd, pipe};
use crate::wire::Bytes;

const LONG: Duration = Duration::from_secs(20);

/// A node reduced to what makes processes.
struct Nursery {
    segment: &'static Segment,
    bell: OwnedFd,
    zygote: Started,
    /// None: cut.
    line: Option<Line>,
    tickets: u64,
}

/// A process of a nursery.
struct Made {
    record: &'static Record,
    pidfd: OwnedFd,
}

impl Nursery {
    fn open() -> Nursery {
        let segment = segment().unwrap();
        let bell = eventfd::create().unwrap();
        let unnamed = launch::zygote(segment, bell.as_fd(), None).unwrap();
        wait_for(&[unnamed.announcement.as_fd()]);
        let name = match unnamed.read_announcement().unwrap() {
            Announcement::Listening(name) => name,
            Announcement::Failed(text) => panic!("{text}"),
        };
        assert!(name.starts_with(unnamed.directory.to_str().unwrap()));
        let line = unnamed.connect(&name).unwrap();
        let mut nursery = Nursery { segment, bell, zygote: unnamed.started, line: Some(line), tickets: 0 };
        let Answer::Ready(hello) = nursery.answer() else { panic!("a hello is due") };
        assert_eq!(hello.pid, nursery.zygote.pid.as_raw_nonzero().get() as u32);
        control::remove_directory(&unnamed.directory);
        nursery
    }

    fn answer(&mut self) -> Answer {
        loop {
            if let Some(answer) = self.line.as_mut().unwrap().next().unwrap() {
                return answer;
            }
            wait_for(&[self.bell.as_fd()]);
            eventfd::silence(self.bell.as_fd()).unwrap();
        }
    }

    fn order(&mut self, order: &Order) -> Participant {
        let participant = ordered(self.segment, &order.to_bytes().unwrap());
        self.tickets += 1;
        let order = control::Order { ticket: self.tickets, participant };
        self.line.as_mut().unwrap().order(order).unwrap();
        participant
    }

    fn make(&mut self, order: &Order) -> Made {
        let participant = self.order(order);
        let Answer::Outcome(outcome) = self.answer() else { panic!("an outcome is due") };
        assert_eq!(outcome.ticket, self.tickets);
        let pid = outcome.result.unwrap();
        let record = self.segment.record(participant);
        assert_eq!(record.pid.load(Ordering::Acquire), pid, "the kernel has noted the pid");
        Made { record, pidfd: pidfd::open(Pid::from_raw(pid as i32).unwrap()).unwrap() }
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        pidfd::send_signal(self.zygote.pidfd.as_fd(), Signal::KILL).unwrap();
        end_of(&self.zygote.pidfd);
    }
}

impl Made {
    fn end(&self) -> End {
        end_of(&self.pidfd)
    }
}

/// Gives an order to a participant that nobody else in this process uses.
fn ordered(segment: &Segment, order: &[u8]) -> Participant {
    static NEXT: AtomicU16 = AtomicU16::new(300);
    let participant = Participant(NEXT.fetch_add(1, Ordering::Relaxed));
    segment.raise_participants_end(participant.0 + 1);
    segment.record(participant).prepare(order).unwrap();
    participant
}

/// Makes the process of an order by the method that it names.
fn make(order: &Order) -> (Made, Option<Nursery>) {
    match order.method {
        StartMethod::Zygote => {
            let mut nursery = Nursery::open();
            (nursery.make(order), Some(nursery))
        }
        StartMethod::Exec => {
            let segment = segment().unwrap();
            let bell = eventfd::create().unwrap();
            let participant = ordered(segment, &order.to_bytes().unwrap());
            let Started { pidfd, .. } = launch::actor(segment, bell.as_fd(), participant, None).unwrap();
            (Made { record: segment.record(participant), pidfd }, None)
        }
    }
}

fn wait_for(sources: &[std::os::fd::BorrowedFd<'_>]) {
    assert!(epoll::wait_readable(sources, Some(LONG)).unwrap().is_some(), "nothing came");
}

fn end_of(pidfd: &OwnedFd) -> End {
    wait_for(&[pidfd.as_fd()]);
    pidfd::reap(pidfd.as_fd()).unwrap().expect("it is dead").end
}

/// Runs `entry` with a pipe as stderr and gives its end and what it has written there.
fn run(mut order: Order) -> (End, String) {
    let (reader, writer) = pipe::create().unwrap();
    order.stderr = Some(writer.as_raw_fd());
    let (made, _nursery) = make(&order);
    let end = made.end();
    drop(writer);
    let mut text = String::new();
    fs::File::from(reader).read_to_string(&mut text).unwrap();
    (end, text)
}

fn with_method(order: Order, method: StartMethod) -> Order {
    Order { method, ..order }
}

const METHODS: [StartMethod; 2] = [StartMethod::Zygote, StartMethod::Exec];

/// Ends as its argument says.
fn end_as_told(start: Start) {
    let Arguments::Inline(Bytes(what)) = start.order.arguments else { return };
    match &what[..] {
        b"return" => {}
        b"panic" => panic!("as told"),
        b"abort" => std::process::abort(),
        b"kill" => rustix::process::kill_process(rustix::process::getpid(), Signal::KILL).unwrap(),
        code => std::process::exit(String::from_utf8_lossy(code).parse().unwrap()),
    }
}

#[test]
fn smoke() {
    let killed = |signal| End::Signaled { signal, core: false };
    let expected = [
        ("return", End::Exited(0)),
        ("42", End::Exited(42)),
        ("7", End::Exited(7)),
        ("panic", End::Exited(101)),
        ("kill", killed(9)),
        ("abort", killed(6)),
    ];
    for method in METHODS {
        for (what, end) in expected {
            let found = run(with_method(order(end_as_told, what.as_bytes()), method)).0;
            // Whether there is a core depends on the machine.
            let found = match found {
                End::Signaled { signal, .. } => killed(signal),
                exited => exited,
            };
            assert_eq!(found, end, "{what} by {method:?}");
        }
    }
}

fn wait_for_end(_: Start) {
    loop {
        thread::park();
    }
}

fn until_started(made: &Made) {
    let deadline = Instant::now() + LONG;
    while made.record.stage() < Stage::Started {
        assert!(Instant::now() < deadline, "the process does not start");
        thread::yield_now();
    }
}

#[test]
fn processes_live_on_without_their_zygote() {
    let mut nursery = Nursery::open();
    let made: Vec<_> = (0..3).map(|_| nursery.make(&order(wait_for_end, b""))).collect();
    made.iter().for_each(until_started);
    drop(nursery);
    for made in &made {
        assert_eq!(pidfd::peek(made.pidfd.as_fd()).unwrap(), None, "it lives");
        pidfd::send_signal(made.pidfd.as_fd(), Signal::TERM).unwrap();
        assert_eq!(made.end(), End::Signaled { signal: 15, core: false });
    }
}

#[test]
fn a_zygote_that_nobody_visits_leaves_nothing_behind() {
    let bell = eventfd::create().unwrap();
    let unnamed = launch::zygote(segment().unwrap(), bell.as_fd(), None).unwrap();
    wait_for(&[unnamed.announcement.as_fd()]);
    let UnnamedZygote { started, announcement, directory } = unnamed;
    assert!(directory.exists());
    let mode = fs::metadata(&directory).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else can connect");
    drop(announcement);
    assert_eq!(end_of(&started.pidfd), End::Exited(0));
    assert!(!directory.exists());
}

/// Writes what a process can see of itself to its stderr.
fn describe_yourself(start: Start) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let shown = |key: &str| status.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    for key in ["Name:", "SigBlk:", "SigIgn:", "SigCgt:", "Threads:"] {
        eprintln!("{}", shown(key));
    }
    let numbers = fs::read_dir("/proc/self/fd").unwrap().map(|entry| {
        let entry = entry.unwrap();
        let target = fs::read_link(entry.path()).unwrap_or_default();
        format!("{}={}", entry.file_name().display(), target.display())
    });
    let mut numbers: Vec<_> = numbers.filter(|line| !line.ends_with("/fd")).collect();
    numbers.sort();
    eprintln!("Descriptors: {}", numbers.join(", "));
    let line = fs::read("/proc/self/cmdline").unwrap();
    eprintln!("Title: {}", String::from_utf8_lossy(&line).trim_end_matches('\0'));
    eprintln!("Directory: {}", env::current_dir().unwrap().display());
    eprintln!("Changed: {:?} {:?}", env::var("ACTOR_CORE_TEST_SET"), env::var("HOME"));
    eprintln!("Role: {:?}", env::var_os("ACTOR_CORE_ROLE"));
    eprintln!("Seed: {}", RandomState::new().hash_one(0));
    eprintln!("Constructor calls: {}", OTHER_CALLS.load(Ordering::Relaxed));
    let session = rustix::process::getsid(None).unwrap();
    eprintln!("Leads: {}", session == rustix::process::getpid());
    eprintln!("Me: {} {}", start.me.0, start.segment.me().0);
}

fn line<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {key} in {text}")).trim()
}

#[test]
fn a_process_starts_clean() {
    // Not closed on exec: what a library of another language leaves open in the node.
    let leak = rustix::io::dup(fs::File::open("/dev/zero").unwrap()).unwrap();
    for method in METHODS {
        let mut order = with_method(order(describe_yourself, b""), method);
        order.name = "counter".into();
        order.directory = Bytes(b"/proc".to_vec());
        let value = Some(Bytes(b"a=b".to_vec()));
        order.environment = vec![(Bytes(b"ACTOR_CORE_TEST_SET".to_vec()), value), (Bytes(b"HOME".to_vec()), None)];
        let (end, text) = run(order);
        assert_eq!(end, End::Exited(0), "{text}");
        assert_eq!(line(&text, "Name"), "counter");
        assert_eq!(line(&text, "Threads"), "1");
        assert_eq!(line(&text, "SigBlk"), "0000000000000000");
        // The C library lets nobody touch two signals of its own, which may be ignored from outside.
        let ignored = u64::from_str_radix(line(&text, "SigIgn"), 16).unwrap() & !(0b11 << 31);
        assert_eq!(ignored, 1 << 12, "SIGPIPE alone");
        assert_eq!(line(&text, "SigCgt"), "0000000000000440", "the report of stack overflows alone");
        let me = line(&text, "Me").split_once(' ').unwrap();
        assert_eq!(me.0, me.1);
        assert_eq!(line(&text, "Title"), format!("counter #{}.1", me.0));
        assert_eq!(line(&text, "Directory"), "/proc");
        assert_eq!(line(&text, "Changed"), "Ok(\"a=b\") Err(NotPresent)");
        assert_eq!(line(&text, "Role"), "None");
        assert_eq!(line(&text, "Constructor calls"), "1");
        assert_eq!(line(&text, "Leads"), "true");
        let descriptors: Vec<_> = line(&text, "Descriptors").split(", ").collect();
        assert_eq!(descriptors.len(), 5, "{descriptors:?}");
        assert_eq!(descriptors[0], "0=/dev/null");
        assert!(descriptors[2].starts_with("2=pipe:") && descriptors[3].starts_with("3=/memfd:actor-core"));
        assert!(descriptors[4].starts_with("4=anon_inode:[eventfd]"));
    }
    drop(leak);
}

#[test]
fn siblings_have_random_states_of_their_own() {
    let mut nursery = Nursery::open();
    let seeds: Vec<_> = (0..2)
        .map(|_| {
            let (reader, writer) = pipe::create().unwrap();
            let mut order = order(describe_yourself, b"");
            order.stderr = Some(writer.as_raw_fd());
            assert_eq!(nursery.make(&order).end(), End::Exited(0));
            drop(writer);
            let mut text = String::new();
            fs::File::from(reader).read_to_string(&mut text).unwrap();
            line(&text, "Seed").to_owned()
        })
        .collect();
    assert_ne!(seeds[0], seeds[1]);
}

#[test]
fn an_order_that_cannot_be_followed_is_an_end_record() {
    let nowhere = Bytes(b"/nowhere/at/all".to_vec());
    for method in METHODS {
        let mut unreadable = with_method(order(end_as_told, b""), method);
        unreadable.stderr = Some(1 << 20);
        let (made, _nursery) = make(&unreadable);
        assert_eq!(made.end(), End::Exited(1));
        let end = made.record.read_end();
        assert_eq!(end.kind, EndKind::InitFailed.raw());
        assert!(end.text.contains("stderr"), "{}", end.text);
        // A directory that is gone is not one of these: the node itself may still be in it.
        let moved = Order { directory: nowhere.clone(), ..with_method(order(describe_yourself, b""), method) };
        let (end, text) = run(moved);
        assert_eq!(end, End::Exited(0));
        assert_eq!(line(&text, "Directory"), env::current_dir().unwrap().to_str().unwrap());
    }
}

#[test]
fn garbage_in_a_record_is_an_end_record() {
    let mut nursery = Nursery::open();
    let participant = ordered(nursery.segment, b"\xc1 garbage");
    nursery.tickets += 1;
    let ticket = nursery.tickets;
    nursery.line.as_mut().unwrap().order(control::Order { ticket, participant }).unwrap();
    let Answer::Outcome(outcome) = nursery.answer() else { panic!("an outcome is due") };
    let pid = Pid::from_raw(outcome.result.unwrap() as i32).unwrap();
    assert_eq!(end_of(&pidfd::open(pid).unwrap()), End::Exited(1));
    assert_eq!(nursery.segment.record(participant).read_end().kind, EndKind::InitFailed.raw());
}

#[test]
fn a_participant_that_is_none_is_refused() {
    let mut nursery = Nursery::open();
    for participant in [Participant::NOBODY, Participant::NODE, Participant(u16::MAX)] {
        nursery.tickets += 1;
        let order = control::Order { ticket: nursery.tickets, participant };
        nursery.line.as_mut().unwrap().order(order).unwrap();
        let Answer::Outcome(outcome) = nursery.answer() else { panic!("an outcome is due") };
        assert!(outcome.result.unwrap_err().contains("no participant"));
    }
    assert_eq!(nursery.make(&order(end_as_told, b"7")).end(), End::Exited(7), "it goes on");
}

fn overflow_the_stack(_: Start) {
    fn recurse(depth: u64) -> u64 {
        let frame = std::hint::black_box([depth; 64]);
        if depth == u64::MAX { 0 } else { recurse(depth + 1) + std::hint::black_box(frame)[3] }
    }
    std::hint::black_box(recurse(std::hint::black_box(0)));
}

#[test]
fn a_stack_overflow_says_so() {
    for method in METHODS {
        let (end, text) = run(with_method(order(overflow_the_stack, b""), method));
        assert!(matches!(end, End::Signaled { signal: 11, .. }), "{end:?}");
        assert!(text.contains("overflowed its stack"), "{text}");
    }
}

#[test]
fn somebody_elses_variable_means_nothing() {
    for role in ["zygote:/tmp/x", "actor:5", "nonsense"] {
        let output = Command::new("/proc/self/exe").arg("--list").env("ACTOR_CORE_ROLE", role).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("somebody_elses_variable_means_nothing: test"));
    }
}

const NODE_VARIABLE: &str = "ACTOR_CORE_TEST_NODE";
const MARK_VARIABLE: &str = "ACTOR_CORE_TEST_MARK";

/// Starts processes as `variant` says, tells, and waits to be killed.
fn be_a_node(variant: &str) -> ! {
    if variant == "starting" {
        println!("program is up, all are up");
        loop {
            drop(Nursery::open());
        }
    }
    let mut nursery = Nursery::open();
    let made: Vec<_> = (0..4).map(|_| nursery.make(&order(wait_for_end, b""))).collect();
    made.iter().for_each(until_started);
    let with_group = nursery.make(&order(start_a_program, b""));
    until_started(&with_group);
    let stop = |pidfd: &OwnedFd| pidfd::send_signal(pidfd.as_fd(), Signal::STOP).unwrap();
    match variant {
        "stopped zygote" => stop(&nursery.zygote.pidfd),
        "stopped processes" => made.iter().for_each(|made| stop(&made.pidfd)),
        "forking" => drop((0..32).map(|_| nursery.order(&order(wait_for_end, b""))).collect::<Vec<_>>()),
        _ => {}
    }
    println!("all are up");
    // Killed, or at the end of the test that would have done it.
    let _ = std::io::stdin().read(&mut [0]);
    std::process::exit(1)
}

/// Has a program running that ignores SIGTERM and does not know about nodes.
fn start_a_program(_: Start) {
    Command::new("sh").args(["-c", "trap '' TERM; sleep 1000 & echo program is up; wait; wait"]).status().unwrap();
}

#[test]
fn nobody_outlives_a_killed_node() {
    if let Ok(variant) = env::var(NODE_VARIABLE) {
        be_a_node(&variant);
    }
    for variant in ["plain", "stopped zygote", "stopped processes", "forking"] {
        let mark = format!("{}-{variant}", std::process::id());
        let mut node = start_node(variant, &mark);
        assert!(alive(&mark) >= 8, "node, zygote, processes, shell and sleep of {variant}: {}", alive(&mark));
        node.kill().unwrap();
        let killed = Instant::now();
        assert_eq!(node.wait().unwrap().signal(), Some(9));
        while alive(&mark) > 0 {
            assert!(killed.elapsed() < Duration::from_secs(1), "{} outlive a node: {variant}", alive(&mark));
            thread::yield_now();
        }
    }
}

#[test]
fn a_node_that_dies_while_its_zygote_starts_leaves_nothing_behind() {
    for round in 0..20 {
        let mark = format!("{}-starting-{round}", std::process::id());
        let mut node = start_node("starting", &mark);
        // At no particular instant: starts follow each other all the time, each of about a millisecond.
        let fate = Instant::now() + Duration::from_micros(2_000 + 97 * round);
        while Instant::now() < fate {
            thread::yield_now();
        }
        node.kill().unwrap();
        let killed = Instant::now();
        node.wait().unwrap();
        while alive(&mark) > 0 {
            assert!(killed.elapsed() < Duration::from_secs(1), "{} outlive a node", alive(&mark));
            thread::yield_now();
        }
        let prefix = format!("actor-core-{}-", node.id());
        let left = fs::read_dir(env::temp_dir()).unwrap().flatten();
        let left: Vec<_> = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// `nobody_outlives_a_killed_node` in a process of its own, as a node, when all its processes are up.
fn start_node(variant: &str, mark: &str) -> Child {
    let mut node = Command::new("/proc/self/exe")
        .args(["--exact", "boot::tests::nobody_outlives_a_killed_node", "--nocapture"])
        .envs([(NODE_VARIABLE, variant), (MARK_VARIABLE, mark)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut seen = Vec::new();
    while !["program is up", "all are up"].iter().all(|text| seen.iter().any(|line: &String| line.contains(text))) {
        seen.push(lines.next().unwrap_or_else(|| panic!("the node ends after {seen:?}")));
    }
    node
}

/// How many processes with a mark in their environment live. Zombies have none.
fn alive(mark: &str) -> usize {
    let wanted = format!("{MARK_VARIABLE}={mark}");
    let is_marked = |environment: Vec<u8>| environment.split(|byte| *byte == 0).any(|line| line == wanted.as_bytes());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.filter(|process| fs::read(process.path().join("environ")).is_ok_and(is_marked)).count()
}
