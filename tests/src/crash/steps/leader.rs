//! [`Leader`]: a process that leads the node's thread, as this one leads its victims.
//!
//! A thread cannot lead another one of its own process, so a process of the node does it. It stops the
//! thread, leads it to an instruction of the repair of what a dead process has left, and lets it go. Here
//! is how it is told; what it does is in [`repair`].

mod repair;

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use actor_core::process::Process;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PTracer, Pid, set_ptracer};

pub(super) use self::repair::Place;
use self::repair::{Modules, explore, lead};
use crate::crash::{Fault, Kind};
use crate::steps::Stepped;
use crate::watch::{self, bound};

/// The process, and what it is told and tells.
pub(super) struct Leader {
    process: Process<()>,
    orders: File,
    answers: File,
}

/// The node's thread stands still until this is dropped.
pub(super) struct Held<'a> {
    leader: &'a mut Leader,
}

/// What it is told to do. Any other word is a [`Place`].
const HOLD: u64 = u64::MAX;
const LET_GO: u64 = u64::MAX - 1;
const EXPLORE: u64 = u64::MAX - 2;
/// The answer that it cannot be done.
const FAILED: u64 = u64::MAX;
/// How long an order may take.
const ANSWER: Duration = Duration::from_secs(120);

impl Leader {
    /// Starts it.
    ///
    /// # Errors
    /// The system does not allow that a process of the node leads it.
    pub(super) fn start() -> io::Result<Leader> {
        let thread = node_thread()?;
        let (orders_read, orders) = pipe_with(PipeFlags::CLOEXEC)?;
        let (answers, answers_write) = pipe_with(PipeFlags::CLOEXEC)?;
        let ends = [path_of(&orders_read), path_of(&answers_write)];
        let process = Process::spawn(lead_when_told, (thread, std::process::id(), ends)).map_err(io::Error::other)?;
        let pid = i32::try_from(process.pid()).ok().and_then(Pid::from_raw);
        // Only where a security module keeps a process from being led by others there is need for it.
        let _ = pid.map(|pid| set_ptracer(PTracer::ProcessID(pid)));
        let mut leader = Leader { process, orders: orders.into(), answers: answers.into() };
        // It has opened its ends; with ours closed its death would be seen.
        let greeting = leader.answer();
        drop((orders_read, answers_write));
        match greeting.and_then(|_| leader.hold().map(drop)) {
            Ok(()) => Ok(leader),
            Err(error) => {
                leader.leave();
                Err(error)
            }
        }
    }

    /// Stops the node's thread.
    pub(super) fn hold(&mut self) -> io::Result<Held<'_>> {
        self.order(HOLD)?;
        Ok(Held { leader: self })
    }

    /// Ends the process.
    pub(super) fn leave(self) {
        let _ = self.process.kill();
        let _ = self.process.join();
    }

    fn order(&mut self, order: u64) -> io::Result<u64> {
        self.orders.write_all(&order.to_le_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<u64> {
        let time = bound(ANSWER).as_secs() as i64;
        let mut ready = [PollFd::new(&self.answers, PollFlags::IN)];
        if poll(&mut ready, Some(&Timespec { tv_sec: time, tv_nsec: 0 }))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match read_word(&mut self.answers)? {
            FAILED => Err(io::ErrorKind::PermissionDenied.into()),
            word => Ok(word),
        }
    }
}

impl Held<'_> {
    /// Leads the node's thread to a place in the repair of what the one has left who has died meanwhile.
    /// False: it does not come there, and stands at the end of it.
    pub(super) fn lead(&mut self, place: usize) -> Result<bool, Fault> {
        self.leader.order(place as u64).map(|reached| reached != 0).map_err(unled)
    }

    /// Leads it to the end of the repair, and tells the places on the way: those of each instruction.
    pub(super) fn explore(&mut self) -> Result<Vec<Range<usize>>, Fault> {
        let count = self.leader.order(EXPLORE).map_err(unled)?;
        let mut word = || self.leader.answer().map(|word| word as usize).map_err(unled);
        (0..count).map(|_| Ok((word()?, word()?))).map(|told| told.map(|(first, times)| first..first + times)).collect()
    }
}

fn unled(error: io::Error) -> Fault {
    Kind::Wedged.fault(format!("the node cannot be led: {error}"))
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Without its leader the thread goes on by itself.
        let _ = self.leader.order(LET_GO);
    }
}

/// As others find a descriptor of this process.
fn path_of(end: &OwnedFd) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), end.as_fd().as_raw_fd())
}

/// The thread of the node that this process is.
fn node_thread() -> io::Result<u32> {
    let found = watch::node_thread(std::process::id());
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the node has no thread"))
}

/// How many instructions there are, and then of each what is known.
fn told(way: Vec<[u64; 2]>) -> Vec<u64> {
    [way.len() as u64].into_iter().chain(way.into_iter().flatten()).collect()
}

fn read_word(file: &mut File) -> io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn lead_when_told((thread, node, [orders, answers]): (u32, u32, [String; 2])) {
    let mut orders = File::open(orders).expect("the pipe is open elsewhere");
    let mut answers = File::options().write(true).open(answers).expect("the pipe is open elsewhere");
    let modules = Modules::of(node).expect("a process has a program");
    let mut answer = |words: &[u64]| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        answers.write_all(&bytes)
    };
    let mut held: Option<Stepped> = None;
    let mut result = answer(&[0]);
    while let (Ok(()), Ok(order)) = (result, read_word(&mut orders)) {
        let done = match (order, held.take()) {
            (HOLD, _) => Stepped::stop(thread).map(|node| held = Some(node)).map(|()| vec![0]),
            (_, None) => Err(io::ErrorKind::InvalidInput.into()),
            (LET_GO, Some(node)) => node.leave().map(|()| vec![0]),
            (EXPLORE, Some(node)) => explore(held.insert(node), &modules).map(told),
            (place, Some(node)) => {
                lead(held.insert(node), &modules, Place(place)).map(|is_there| vec![u64::from(is_there)])
            }
        };
        result = answer(&done.unwrap_or_else(|_| vec![FAILED]));
    }
}
