//! The zygote: a process with one thread that forks the others.
//!
//! It has run the constructors of the program and nothing of its `main`, so a fork of it is a fresh
//! program at a tenth of the cost of starting one. It makes no `HashMap`: the random seed of this
//! thread would be drawn here, and every child would have the same.
//!
//! Its death harms nobody. The children belong to the node, the kernel has noted each in shared
//! memory before it ran, and the node starts another zygote.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::cgroup::Cgroup;
use super::entry::{self, Newborn};
use super::role::Announcement;
use super::{child, guard, launch};
use crate::control::{ControlError, Order, Outcome, Server, Switchboard};
use crate::id::Participant;
use crate::shm::segment::Segment;
use crate::sys::clone::{Cloner, Side};
use crate::sys::name::{self, Title};
use crate::sys::{Signal, process};

struct Zygote {
    segment: Segment,
    title: Option<Title>,
    cloner: Cloner,
    /// In which each process gets a group of its own.
    cgroup: Option<Cgroup>,
    switchboard: Switchboard,
}

/// Listens in `directory`, tells the node, and serves it until it is gone.
pub(super) fn run(born: Newborn, directory: PathBuf) -> ! {
    let Newborn { segment, announce, cgroup, title } = born;
    let announce = UnixStream::from(announce.unwrap_or_else(|| process::exit_now(1)));
    // From here on a directory has to be removed when the node dies, so that may not kill us. Two
    // sockets tell of its end, and SIGCONT does nothing but continue us if we are stopped.
    guard::stay_with(segment.node_pid(), Signal::CONT);
    // A name is for people: without one, everything works.
    let _ = name::set_thread_name("zygote");
    if let Some(title) = title {
        title.set(&format!("zygote of {}", segment.node_pid()));
    }
    match prepare(&segment, &announce, directory) {
        Ok((cloner, server)) => {
            let cgroup = cgroup.and_then(Cgroup::inherited);
            let switchboard = meet(&segment, server, announce, cgroup.as_ref().and_then(Cgroup::another));
            Zygote { segment, title, cloner, cgroup, switchboard }.serve()
        }
        Err(error) => {
            tell(&announce, &Announcement::Failed(error));
            process::exit_now(1)
        }
    }
}

fn prepare(segment: &Segment, announce: &UnixStream, directory: PathBuf) -> Result<(Cloner, Server), String> {
    let cloner = Cloner::new().map_err(|error| format!("this program cannot be forked: {error}"))?;
    segment.keep_on_fork().map_err(|error| format!("the shared memory cannot be kept over a fork: {error}"))?;
    let server = Server::open(&directory).map_err(with_source)?;
    tell(announce, &Announcement::Listening(server.name().to_owned()));
    Ok((cloner, server))
}

/// Waits until the node has connected, which it says by a byte. An end of the stream instead says
/// that it never will: then nothing is left behind.
fn meet(segment: &Segment, server: Server, mut announce: UnixStream, cgroup: Option<Cgroup>) -> Switchboard {
    let node_pid = segment.node_pid();
    if announce.read_exact(&mut [0]).is_err() {
        server.abandon();
        process::exit_now(0);
    }
    drop(announce);
    let accepted = server.accept(launch::hello());
    segment.ring_bell();
    // The node says to its user what was wrong; it has been told, or it is gone.
    let Ok(switchboard) = accepted else { process::exit_now(1) };
    guard::watch(segment.census(), cgroup);
    if entry::install_guard().is_err() {
        process::exit_now(1);
    }
    // The node may have died while its death would only have continued us.
    guard::stay_with(node_pid, Signal::CONT);
    switchboard
}

impl Zygote {
    fn serve(self) -> ! {
        loop {
            let order = match self.switchboard.next() {
                Ok(order) => order,
                Err(ControlError::Disconnected) => self.leave(),
                // After what is no order nothing can be relied on. A dead zygote is plain, and replaced.
                Err(_) => process::exit_now(1),
            };
            match self.make(order.participant) {
                Ok(Side::Original(pid)) => self.answer(order, Ok(pid.as_raw_nonzero().get() as u32)),
                Err(error) => self.answer(order, Err(error)),
                Ok(Side::Child) => {
                    let Zygote { segment, title, cgroup, switchboard, .. } = self;
                    drop((cgroup, switchboard));
                    guard::resign();
                    child::run(segment, order.participant, title)
                }
            }
        }
    }

    fn answer(&self, order: Order, result: Result<u32, String>) {
        match self.switchboard.answer(Outcome { ticket: order.ticket, result }) {
            Ok(()) => self.segment.ring_bell(),
            Err(ControlError::Disconnected) => self.leave(),
            // The node would wait for this answer until its start timeout; a dead zygote is plain.
            Err(_) => process::exit_now(1),
        }
    }

    fn make(&self, participant: Participant) -> Result<Side, String> {
        let is_process = participant.0 > Participant::NODE.0 && participant.0 < self.segment.participants_end();
        if !is_process {
            return Err(format!("there is no participant {}", participant.0));
        }
        let record = self.segment.record(participant);
        // The kernel must find the page when it stores the pid: there is nobody to tell of a fault.
        record.pid.store(0, Ordering::Relaxed);
        let number = record.group.load(Ordering::Acquire);
        let group = self.cgroup.as_ref().filter(|_| number != 0).and_then(|cgroup| cgroup.group(number));
        let made = match self.cloner.sibling(&record.pid, group.as_ref().map(AsFd::as_fd)) {
            Err(_) if group.is_some() => self.cloner.sibling(&record.pid, None),
            made => made,
        };
        made.map_err(|error| format!("the kernel makes no process: {error}"))
    }

    /// The line is cut, so the node is gone, or it is going: it closes its descriptors before it
    /// stops being our parent. If it has only cut the line, it will kill us. Until one of these,
    /// the handler of SIGCONT is all that is left to do here.
    fn leave(&self) -> ! {
        loop {
            guard::on_continue(0);
            process::pause();
        }
    }
}

fn tell(announce: &UnixStream, said: &Announcement) {
    // A node that does not hear this is gone, or its start timeout ends the matter.
    let _ = (&*announce).write_all(&said.to_bytes());
}

fn with_source(error: ControlError) -> String {
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
