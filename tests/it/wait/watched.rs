//! Descriptors that actors watch.

use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use actor_core::wait::Interest;
use actor_core::{Readiness, WatchRef};
use actor_tests::{foreign, watch};
use serde::{Deserialize, Serialize};

use super::{NOT_YET, SOON};
use crate::harness::{isolated, isolated_and_long, isolated_for_both};

/// What a watchman does when he is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Habit {
    /// Reads what is there.
    Read,
    /// Leaves it.
    Leave,
    /// Ends the watch.
    Unwatch,
    Panic,
}

/// What he was told, and how much he has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    is_readable: bool,
    is_writable: bool,
    is_over: bool,
    bytes: usize,
    /// How many messages he had had by then.
    messages: u32,
}

#[derive(Actor)]
struct Watchman {
    stream: UnixStream,
    watch: Option<WatchRef>,
    habit: Habit,
    diary: Queue<Told>,
    messages: u32,
}

#[handlers]
impl Watchman {
    #[init]
    fn new(name: String, habit: Habit, diary: Queue<Told>) -> Result<Watchman, String> {
        let stream = connect(&name);
        stream.set_nonblocking(true).map_err(|error| error.to_string())?;
        Ok(Watchman { stream, watch: None, habit, diary, messages: 0 })
    }

    #[call]
    fn begin(&mut self, writes: bool, context: &mut Context<Self>) {
        let interest = if writes { Interest::Writable } else { Interest::Readable };
        self.watch = Some(context.watch_fd(&self.stream, interest).expect("there is room for another"));
    }

    #[call]
    fn end(&mut self, context: &mut Context<Self>) -> bool {
        self.watch.is_some_and(|watch| context.unwatch_fd(watch))
    }

    /// Writes until nothing more can be written.
    #[call]
    fn fill(&mut self) -> usize {
        std::iter::from_fn(|| self.stream.write(&[0; 4096]).ok()).sum()
    }

    #[call]
    fn count(&mut self) -> u32 {
        self.messages += 1;
        self.messages
    }

    #[cast]
    fn note(&mut self) {
        self.messages += 1;
    }

    /// Begins and ends as many watches, and says how many descriptors there are before and after.
    #[call]
    fn many_times(&mut self, times: u32, context: &mut Context<Self>) -> (usize, usize) {
        let count = || std::fs::read_dir("/proc/self/fd").expect("/proc is there").count();
        let before = count();
        for _ in 0..times {
            let watch = context.watch_fd(&self.stream, Interest::Both).expect("there is room for another");
            assert!(context.unwatch_fd(watch) && !context.unwatch_fd(watch));
        }
        (before, count())
    }

    #[info]
    fn ready(&mut self, ready: Readiness, context: &mut Context<Self>) {
        assert_eq!(Some(ready.watch), self.watch);
        let bytes = match self.habit {
            Habit::Read => self.stream.read(&mut [0; 64]).unwrap_or(0),
            Habit::Leave => 0,
            Habit::Unwatch => {
                assert_eq!(context.unwatch_fd(ready.watch), !ready.is_over);
                0
            }
            Habit::Panic => panic!("as told"),
        };
        let Readiness { is_readable, is_writable, is_over, .. } = ready;
        let told = Told { is_readable, is_writable, is_over, bytes, messages: self.messages };
        // What is told again and again need not be written down as often.
        let _ = self.diary.try_send(told);
    }
}

fn address(name: &str) -> SocketAddr {
    SocketAddr::from_abstract_name(name).expect("it is a name")
}

fn connect(name: &str) -> UnixStream {
    UnixStream::connect_addr(&address(name)).expect("somebody listens")
}

/// A name that no other test has, and who listens there.
fn listen(test: &str) -> (String, UnixListener) {
    let name = format!("actor-tests-{}-{test}", std::process::id());
    let listener = UnixListener::bind_addr(&address(&name)).expect("nobody has this name");
    (name, listener)
}

struct Post {
    watchman: ActorRef<Watchman>,
    other: UnixStream,
    diary: Queue<Told>,
}

fn post(test: &str, habit: Habit) -> Post {
    let ((name, listener), diary) = (listen(test), Queue::bounded(1024).unwrap());
    let watchman = Watchman::define((name, habit, diary.clone())).spawn().unwrap();
    Post { watchman, other: listener.accept().unwrap().0, diary }
}

impl Post {
    #[track_caller]
    fn next(&self) -> Told {
        self.diary.recv_timeout(SOON).expect("he is told something")
    }

    #[track_caller]
    fn nothing(&self) {
        let told = self.diary.recv_timeout(NOT_YET);
        assert!(told.is_err(), "{told:?}");
    }

    fn done(self) {
        self.watchman.kill().unwrap();
        self.diary.close(Close::Now);
    }
}

fn readable(bytes: usize) -> Told {
    Told { is_readable: true, is_writable: false, is_over: false, bytes, messages: 0 }
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let mut post = post("smoke", Habit::Read);
        post.watchman.begin(false).wait().unwrap();
        post.nothing();
        for bytes in 1..=20 {
            post.other.write_all(&vec![7; bytes]).unwrap();
            assert_eq!(post.next(), readable(bytes));
        }
        post.nothing();
        assert_eq!(post.watchman.count().wait().unwrap(), 1);
        post.done();
    });
}

#[test]
fn what_was_there_before_is_told_as_well() {
    isolated(|| {
        let mut post = post("before", Habit::Read);
        post.other.write_all(b"abc").unwrap();
        post.watchman.begin(false).wait().unwrap();
        assert_eq!(post.next(), readable(3));
        post.nothing();
        post.done();
    });
}

#[test]
fn the_end_is_told_once_after_everything_is_read() {
    isolated(|| {
        let mut post = post("end", Habit::Read);
        post.other.write_all(&[7; 100]).unwrap();
        post.other.shutdown(std::net::Shutdown::Write).unwrap();
        post.watchman.begin(false).wait().unwrap();
        assert_eq!((post.next(), post.next()), (readable(64), readable(36)));
        assert_eq!(post.next(), Told { is_over: true, ..readable(0) });
        post.nothing();
        assert!(!post.watchman.end().wait().unwrap(), "the watch has ended by itself");
        post.done();
    });
}

fn talk_until_killed(name: String) {
    let mut stream = connect(&name);
    stream.write_all(b"x").expect("somebody reads it");
    foreign::sleep_in_c(1000);
}

#[test]
fn a_peer_that_is_killed_is_an_end() {
    isolated(|| {
        let (name, listener) = listen("peer");
        let ((here, watchers), diary) = (listen("watch"), Queue::bounded(64).unwrap());
        let watchman = Watchman::define((here, Habit::Read, diary.clone())).spawn().unwrap();
        let mut to_watchman = watchers.accept().unwrap().0;
        let peer = Process::spawn(talk_until_killed, name).unwrap();
        let mut from_peer = listener.accept().unwrap().0;
        watchman.begin(false).wait().unwrap();
        // What the peer says goes on to the watchman, and its end as well.
        let passing_on = std::thread::spawn(move || {
            std::io::copy(&mut from_peer, &mut to_watchman).unwrap_or(0);
        });
        assert_eq!(diary.recv_timeout(SOON), Ok(readable(1)));
        peer.kill().unwrap();
        passing_on.join().unwrap();
        let told = diary.recv_timeout(SOON).unwrap();
        assert!(told.is_over, "{told:?}");
        assert!(diary.recv_timeout(NOT_YET).is_err());
        watchman.kill().unwrap();
        diary.close(Close::Now);
    });
}

/// Whoever never reads is told again and again, and has all of his messages in between.
#[test]
fn what_is_left_is_told_again_and_keeps_no_message_away() {
    isolated_and_long(|| {
        let mut post = post("left", Habit::Leave);
        post.other.write_all(b"abc").unwrap();
        post.watchman.begin(false).wait().unwrap();
        assert_eq!(post.next(), readable(0));
        for _ in 0..1000 {
            post.watchman.note().send().unwrap();
        }
        assert_eq!(post.watchman.count().wait().unwrap(), 1001);
        // It goes on, and behind the messages as well.
        while post.next().messages < 1001 {}
        assert!(post.watchman.end().wait().unwrap());
        while post.diary.try_recv().is_ok() {}
        post.nothing();
        post.done();
    });
}

#[test]
fn a_handler_can_end_the_watch() {
    isolated(|| {
        let mut post = post("unwatch", Habit::Unwatch);
        post.other.write_all(b"abc").unwrap();
        post.watchman.begin(false).wait().unwrap();
        assert_eq!(post.next(), readable(0));
        post.nothing();
        // Another watch of the same descriptor.
        post.watchman.begin(false).wait().unwrap();
        assert_eq!(post.next(), readable(0));
        post.nothing();
        assert!(!post.watchman.end().wait().unwrap());
        post.done();
    });
}

#[test]
fn room_to_write_is_told_when_there_is_some() {
    isolated(|| {
        let mut post = post("room", Habit::Unwatch);
        let filled = post.watchman.fill().wait().unwrap();
        post.watchman.begin(true).wait().unwrap();
        post.nothing();
        post.other.read_exact(&mut vec![0; filled]).unwrap();
        let told = post.next();
        assert!(told.is_writable && !told.is_readable && !told.is_over, "{told:?}");
        drop(post.other);
        // Nobody reads any more.
        post.watchman.begin(true).wait().unwrap();
        let told = post.diary.recv_timeout(SOON).unwrap();
        assert!(told.is_over, "{told:?}");
        post.watchman.kill().unwrap();
        post.diary.close(Close::Now);
    });
}

#[test]
fn a_panic_over_it_is_one_of_the_actor() {
    isolated(|| {
        let mut post = post("panic", Habit::Panic);
        post.watchman.begin(false).wait().unwrap();
        let end = post.watchman.monitor().unwrap();
        post.other.write_all(b"abc").unwrap();
        let report = end.wait_timeout(SOON).expect("it ends").report;
        assert!(matches!(&report.reason, ExitReason::Panicked { message, .. } if message == "as told"), "{report}");
        assert!(!matches!(post.other.read(&mut [0; 8]), Ok(1..)), "its descriptors are closed");
        post.diary.close(Close::Now);
    });
}

#[test]
fn watches_that_have_ended_leave_no_descriptor() {
    isolated(|| {
        let post = post("many", Habit::Read);
        let (_, before) = post.watchman.many_times(10).wait().unwrap();
        assert_eq!(post.watchman.many_times(10_000).wait().unwrap(), (before, before));
        post.done();
    });
}

/// Watches, and has no handler for what comes.
#[derive(Actor)]
struct Deaf {
    stream: UnixStream,
}

#[handlers]
impl Deaf {
    #[init]
    fn new(name: String, context: &mut Context<Self>) -> Result<Deaf, String> {
        let stream = connect(&name);
        context.watch_fd(&stream, Interest::Readable).map_err(|error| error.to_string())?;
        Ok(Deaf { stream })
    }

    #[call]
    fn process(&mut self) -> u32 {
        std::process::id()
    }

    #[call]
    fn read(&mut self) -> usize {
        self.stream.read(&mut [0; 8]).unwrap_or(0)
    }
}

#[test]
fn who_does_not_listen_is_told_once() {
    isolated(|| {
        let (name, listener) = listen("deaf");
        let deaf = Deaf::define(name).spawn().unwrap();
        let mut other = listener.accept().unwrap().0;
        other.write_all(b"abc").unwrap();
        let pid = deaf.process().wait().unwrap();
        // He would be at work all the time if the watch went on.
        let mut asleep = 0;
        watch::until("it sleeps for good", || {
            let state = watch::Seen::of(pid).expect("it lives").state;
            asleep = if state == 'S' { asleep + 1 } else { 0 };
            asleep == 50
        });
        assert_eq!(deaf.read().wait().unwrap(), 3);
        deaf.kill().unwrap();
    });
}
