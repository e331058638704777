//! [`Leader`]: a process that leads the node's thread, as this one leads its victims.
//!
//! A thread cannot lead another one of its own process, so a process of the node does it. It stops the
//! thread, leads it to an instruction of the repair of what a dead process has left, and lets it go. It must
//! not set breaks: other threads of the same process execute the same text.
//!
//! A repair looks at every slot of each mailbox that the dead was attached to, so most of its instructions
//! are rounds of a few loops. The places to stop at are its instructions in the first rounds.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use actor_core::process::Process;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PTracer, Pid, set_ptracer};

use crate::crash::{Fault, Kind};
use crate::steps::{Step, Stepped};
use crate::watch::bound;

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
/// An instruction of the repair: `offset in the program | round:2`.
type Place = u64;
const ROUNDS: u64 = 4;
/// Steps of a repair that are looked at. What comes later are rounds over the slots of the node's own
/// mailbox, which is larger than all others and so comes last.
const EXPLORED_MAX: usize = 50_000;
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
        self.leader.order(place as Place).map(|reached| reached != 0).map_err(unled)
    }

    /// Leads it to the end of the repair, and tells the places on the way.
    pub(super) fn explore(&mut self) -> Result<Vec<usize>, Fault> {
        let count = self.leader.order(EXPLORE).map_err(unled)?;
        (0..count).map(|_| self.leader.answer().map(|place| place as usize).map_err(unled)).collect()
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
    let is_it = |thread: &u32| {
        fs::read_to_string(format!("/proc/self/task/{thread}/comm")).is_ok_and(|name| name.trim() == "actor-node")
    };
    let threads = fs::read_dir("/proc/self/task")?;
    let mut numbers = threads.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.find(is_it).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the node has no thread"))
}

fn read_word(file: &mut File) -> io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn lead_when_told((thread, node, [orders, answers]): (u32, u32, [String; 2])) {
    let mut orders = File::open(orders).expect("the pipe is open elsewhere");
    let mut answers = File::options().write(true).open(answers).expect("the pipe is open elsewhere");
    let text = text_of(node).expect("a process has a program");
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
            (EXPLORE, Some(node)) => explore(held.insert(node), &text),
            (place, Some(node)) => lead(held.insert(node), text.start, place).map(|reached| vec![u64::from(reached)]),
        };
        result = answer(&done.unwrap_or_else(|_| vec![FAILED]));
    }
}

/// Where the program of a process lies in its memory.
fn text_of(pid: u32) -> io::Result<Range<u64>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let program = fs::read_link(format!("/proc/{pid}/exe"))?;
    let program = program.to_string_lossy();
    let lines = maps.lines().filter(|line| line.ends_with(&*program));
    let ends = lines.filter_map(|line| line.split_once(' ')?.0.split_once('-'));
    let ends: Vec<u64> =
        ends.flat_map(|(begin, end)| [begin, end].map(|end| u64::from_str_radix(end, 16))).flatten().collect();
    match (ends.first(), ends.last()) {
        (Some(begin), Some(end)) => Ok(*begin..*end),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

/// The repair lies between two calls: the end of the group of the dead, and his own.
fn begin_repair(node: &Stepped) -> io::Result<()> {
    loop {
        node.to_system_call()?;
        if node.call()?.is_some_and(|call| call.number == libc::SYS_kill as u64) {
            // Back from it.
            return node.to_system_call();
        }
    }
}

fn is_end(node: &Stepped) -> io::Result<bool> {
    let reaps = |number: u64, flags: u64| number == libc::SYS_waitid as u64 && flags & libc::WNOWAIT as u64 == 0;
    Ok(node.call()?.is_some_and(|call| reaps(call.number, call.fourth)))
}

fn explore(node: &Stepped, text: &Range<u64>) -> io::Result<Vec<u64>> {
    begin_repair(node)?;
    let (mut rounds, mut answer) = (HashMap::new(), vec![0]);
    for _ in 0..EXPLORED_MAX {
        if is_end(node)? {
            break;
        }
        let place = node.place()?;
        let round: &mut u64 = rounds.entry(place).or_default();
        if *round < ROUNDS && text.contains(&place) {
            answer.push((place - text.start) * ROUNDS + *round);
        }
        *round += 1;
        step(node)?;
    }
    while !is_end(node)? {
        node.to_system_call()?;
    }
    answer[0] = answer.len() as u64 - 1;
    Ok(answer)
}

fn step(node: &Stepped) -> io::Result<()> {
    let mut step = node.step()?;
    while step == Step::Asleep {
        step = node.come_back()?;
    }
    Ok(())
}

fn lead(node: &Stepped, text: u64, place: Place) -> io::Result<bool> {
    let (address, mut rounds) = (text + place / ROUNDS, place % ROUNDS);
    begin_repair(node)?;
    node.stop_at(Some(address))?;
    let reached = loop {
        if node.place()? == address && !node.is_in_call()? {
            if rounds == 0 {
                break true;
            }
            rounds -= 1;
            node.stop_at(None)?;
            step(node)?;
            node.stop_at(Some(address))?;
        } else if is_end(node)? {
            break false;
        } else {
            node.to_system_call()?;
        }
    };
    node.stop_at(None)?;
    Ok(reached)
}
