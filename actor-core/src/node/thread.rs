//! The node thread: one loop that waits for descriptors and timers, and what it knows.
//!
//! It is the parent of every process, because processes are tied to the life of the thread that
//! made them; it lives as long as the node, and aborts the node if it panics: nobody could watch
//! over the processes any more.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use super::actors::Actor;
use super::delayed::Outbox;
use super::ending::{self, Ending};
use super::groups::Groups;
use super::housekeeping::Doomed;
use super::launch::{Process, Roster};
use super::memory::MemoryKills;
use super::names::Names;
use super::obituaries::Obituaries;
use super::request::{Answer, Counters, DeadLetter, ProcessResult, Request};
use super::stuck::Stuck;
use super::supervisors::Supervisor;
use super::ties::Bonds;
use super::timers::{Timer, Timers};
use super::zygote::Zygote;
use crate::core::{Event, SupervisorEnd};
use crate::exit::ExitReport;
use crate::id::{Participant, ProcessId};
use crate::mailbox::{Mailbox, MailboxSize, Next, ReplyAddress};
use crate::reply::{self, ReplyKind};
use crate::shm::segment::Segment;
use crate::sys::{epoll, eventfd, signal};
use crate::wire;

/// Requests that can wait, and their sizes: arguments of actors travel in them.
const MAILBOX: MailboxSize = MailboxSize { capacity: 1024, message_max: 64 << 20, bytes: 64 << 20 };
/// Requests that are served before descriptors and timers get their turn again.
const REQUESTS_PER_TURN: usize = 256;
/// Ends of plain processes that are kept at most. They are kept for those who have the handles, and
/// nobody is expected to have so many.
const EXITED_MAX: usize = 1 << 16;
const SUPERVISORS_ENDED_MAX: usize = 256;

/// All that the node knows.
pub(super) struct Node {
    pub(super) segment: &'static Segment,
    pub(super) epoll: OwnedFd,
    pub(super) bell: OwnedFd,
    pub(super) mailbox: Mailbox,
    /// Who keeps this thread from the requests of others.
    pub(super) stuck: Option<Stuck>,
    pub(super) roster: Roster,
    pub(super) processes: BTreeMap<Participant, Process>,
    /// Processes that are not ready yet.
    pub(super) starting: Vec<Participant>,
    pub(super) zygote: Zygote,
    pub(super) groups: Groups,
    pub(super) actors: BTreeMap<u16, Actor>,
    pub(super) supervisors: BTreeMap<u64, Supervisor>,
    pub(super) supervisors_made: u64,
    pub(super) bonds: Bonds,
    pub(super) obituaries: Obituaries,
    pub(super) names: Names,
    pub(super) outbox: Outbox,
    /// What supervisors have not been told yet.
    pub(super) events: VecDeque<(u64, Event)>,
    pub(super) is_carrying_out: bool,
    pub(super) supervisors_ended: VecDeque<(u64, SupervisorEnd)>,
    /// Plain processes that have ended and may be asked for.
    pub(super) exited: VecDeque<Exited>,
    pub(super) dead_letters: VecDeque<DeadLetter>,
    pub(super) doomed: Doomed,
    pub(super) timers: Timers,
    pub(super) counters: Counters,
    pub(super) memory_kills: MemoryKills,
    pub(super) ending: Option<Ending>,
    pub(super) buffer: Vec<u8>,
}

/// A plain process that has ended.
pub(super) struct Exited {
    pub(super) id: ProcessId,
    pub(super) report: ExitReport,
    pub(super) result: Option<ProcessResult>,
    /// Who may still ask.
    pub(super) owner: Participant,
}

/// What a descriptor in the interest list stands for: `kind:32 | participant or zygote:32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Bell,
    Process(Participant),
    Stderr(Participant),
    /// The zygote of this number has died.
    Zygote(u32),
    /// The zygote of this number has said something.
    ZygoteName(u32),
}

impl Token {
    pub(super) fn to_u64(self) -> u64 {
        let (kind, number) = match self {
            Token::Bell => (0_u64, 0),
            Token::Process(participant) => (1, u32::from(participant.0)),
            Token::Stderr(participant) => (2, u32::from(participant.0)),
            Token::Zygote(number) => (3, number),
            Token::ZygoteName(number) => (4, number),
        };
        kind << 32 | u64::from(number)
    }

    fn of(value: u64) -> Token {
        let number = value as u32;
        match value >> 32 {
            1 => Token::Process(Participant(number as u16)),
            2 => Token::Stderr(Participant(number as u16)),
            3 => Token::Zygote(number),
            4 => Token::ZygoteName(number),
            _ => Token::Bell,
        }
    }
}

/// Makes this process's node thread.
///
/// # Errors
/// The system lacks memory, descriptors, threads, or something that a node needs; which is named.
pub(super) fn start(segment: &'static Segment) -> io::Result<()> {
    check_system()?;
    let (epoll, bell) = (epoll::create()?, eventfd::create()?);
    epoll::add(epoll.as_fd(), bell.as_fd(), Token::Bell.to_u64())?;
    let mailbox = Mailbox::make(segment, MAILBOX)?;
    segment.set_bell(bell.as_raw_fd());
    signal::listen_for_interrupts(bell.as_raw_fd());
    let node = Node {
        segment,
        epoll,
        bell,
        mailbox,
        stuck: None,
        roster: Roster::default(),
        processes: BTreeMap::new(),
        starting: Vec::new(),
        zygote: Zygote::default(),
        groups: Groups::default(),
        actors: BTreeMap::new(),
        supervisors: BTreeMap::new(),
        supervisors_made: 0,
        bonds: Bonds::default(),
        obituaries: Obituaries::default(),
        names: Names::default(),
        outbox: Outbox::default(),
        events: VecDeque::new(),
        is_carrying_out: false,
        supervisors_ended: VecDeque::new(),
        exited: VecDeque::new(),
        dead_letters: VecDeque::new(),
        doomed: Doomed::default(),
        timers: Timers::default(),
        counters: Counters::default(),
        memory_kills: MemoryKills::watch(),
        ending: None,
        buffer: Vec::new(),
    };
    thread::Builder::new().name("actor-node".into()).spawn(move || {
        let _abort = AbortOnPanic;
        node.run()
    })?;
    segment.set_node_mailbox(mailbox.id().0);
    ending::stop_everything_at_exit();
    Ok(())
}

/// Without /proc no program can be started again, and without pidfds no death be proven.
///
/// Where SIGCHLD is ignored the kernel reaps every child itself, and nobody learns how one has ended.
/// That is set right and not refused: a program inherits it from whoever has started it, by accident
/// as a rule, and could do no more about it than is done here. Programs that ignore the signal in
/// order not to have to wait for children of their own have to wait for them.
fn check_system() -> io::Result<()> {
    let lacks = |what: &str, error: io::Error| {
        io::Error::new(io::ErrorKind::Unsupported, format!("a node needs {what}: {error}"))
    };
    if !crate::boot::entry::is_armed() {
        let text = "actor-core is not part of this executable, so no process of it could begin";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    std::fs::metadata("/proc/self/exe").map_err(|error| lacks("/proc", error))?;
    crate::sys::pidfd::open(crate::sys::process::id()).map_err(|error| lacks("pidfds (Linux 5.3)", error.into()))?;
    if signal::keep_ends_of_children().map_err(|error| lacks("the ends of children", error.into()))? {
        tracing::warn!(target: "actor_core", "SIGCHLD was ignored, and is at its default now: the ends of processes would be lost");
    }
    Ok(())
}

/// How far the requests were served that had come by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Served {
    All,
    /// There may be more.
    Some,
}

/// A node without its thread would be a node whose processes nobody watches.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            std::process::abort();
        }
    }
}

impl Node {
    fn run(mut self) {
        let mut ready = Vec::new();
        loop {
            self.fire_timers();
            let timeout = self.next_look().map(|at| at.saturating_duration_since(Instant::now()));
            // It fails for bad arguments only.
            epoll::wait(self.epoll.as_fd(), &mut ready, timeout).expect("the interest list is valid");
            for token in ready.drain(..) {
                self.serve(Token::of(token));
            }
        }
    }

    fn serve(&mut self, token: Token) {
        match token {
            Token::Bell => self.on_bell(),
            Token::Process(participant) => self.on_death(participant),
            Token::Stderr(participant) => self.on_stderr(participant),
            Token::Zygote(number) => self.on_zygote_death(number),
            Token::ZygoteName(number) => self.on_zygote_name(number),
        }
    }

    /// Somebody has changed a fact: looks at all facts that a ring can stand for.
    fn on_bell(&mut self) {
        // Silenced first, so that a ring during the look is not lost.
        let _ = eventfd::silence(self.bell.as_fd());
        self.look_for_interrupt();
        self.on_zygote_answers();
        self.look_for_ready();
        self.serve_requests();
        self.look_after_windows();
    }

    fn fire_timers(&mut self) {
        let now = Instant::now();
        while let Some(timer) = self.timers.due(now) {
            match timer {
                Timer::StartTimeout(process) => self.on_start_timeout(process),
                Timer::Kill(process, by) => self.kill(process, by),
                Timer::Supervision(supervisor, timer) => self.on_supervision_timer(supervisor, timer),
                Timer::Trim(window) => self.trim(window),
                Timer::TakeDown => self.take_down_doomed(),
                Timer::Zygote(number) => self.on_zygote_timeout(number),
                Timer::Guard => self.guard_what_runs(),
                Timer::Stuck => self.on_stuck_timer(),
                Timer::Line(index) => self.try_line(index),
                Timer::EndNow => self.kill_everything(),
                Timer::Joined(timeout) => self.end_joining(Some(timeout)),
            }
        }
        self.send_due(now);
    }

    pub(super) fn after(&mut self, delay: Duration, timer: Timer) {
        // Past the end of the clock is never.
        if let Some(at) = Instant::now().checked_add(delay) {
            self.timers.set(at, timer);
        }
    }

    fn serve_requests(&mut self) {
        match self.serve_some(REQUESTS_PER_TURN) {
            Served::All => self.look_for_stuck(),
            // Descriptors and timers come first.
            Served::Some => drop(eventfd::ring(self.bell.as_fd())),
        }
    }

    /// Serves what has been asked by now, whether anybody has rung for it or not.
    pub(super) fn serve_unrung(&mut self) {
        self.serve_some(MAILBOX.capacity as usize);
    }

    fn serve_some(&mut self, most: usize) -> Served {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut served = Served::Some;
        for _ in 0..most {
            let Some(Next::Message { envelope, position }) = self.mailbox.try_next(&mut buffer) else {
                served = Served::All;
                break;
            };
            let request = wire::decode::<Request>(&buffer);
            self.mailbox.acknowledge(position);
            match request {
                Ok(request) if request.asker().is_some_and(|asker| asker.participant != envelope.sender) => {
                    self.refuse(envelope.reply, "nobody asks for others");
                }
                Ok(request) => self.handle(request, &envelope),
                Err(error) => self.refuse(envelope.reply, &error.to_string()),
            }
        }
        self.buffer = buffer;
        served
    }

    /// Answers whoever asked, if he waits at all. A late answer is dropped.
    pub(super) fn answer(&self, reply: Option<ReplyAddress>, answer: &Answer) {
        let _ = self.deliver(reply, answer);
    }

    /// [`Node::answer`], and whether anybody waited for it.
    pub(super) fn deliver(&self, reply: Option<ReplyAddress>, answer: &Answer) -> bool {
        let Some(address) = reply else { return false };
        let mut bytes = Vec::new();
        match wire::encode_into(&mut bytes, answer) {
            Ok(()) => reply::answer(address, ReplyKind::Value, &bytes),
            Err(error) => reply::answer(address, ReplyKind::Failed, error.to_string().as_bytes()),
        }
    }

    pub(super) fn refuse(&self, reply: Option<ReplyAddress>, why: &str) {
        if let Some(address) = reply {
            reply::answer(address, ReplyKind::Failed, why.as_bytes());
        }
    }

    pub(super) fn remember_exit(&mut self, exited: Exited) {
        if self.exited.len() == EXITED_MAX
            && let Some(oldest) = self.exited.pop_front()
        {
            self.drop_result(oldest.result);
        }
        self.exited.push_back(exited);
    }

    pub(super) fn remember_supervisor_end(&mut self, id: u64, end: SupervisorEnd) {
        if self.supervisors_ended.len() == SUPERVISORS_ENDED_MAX {
            self.supervisors_ended.pop_front();
        }
        self.supervisors_ended.push_back((id, end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let participant = Participant(16_000);
        for token in [Token::Bell, Token::Process(participant), Token::Stderr(participant), Token::Zygote(7)] {
            assert_eq!(Token::of(token.to_u64()), token);
        }
    }
}
