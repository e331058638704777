//! [`Target`]: whatever can be linked to or monitored, and which run of it that means now.

use std::io;

use super::monitor::monitor;
use crate::id::{Incarnation, Participant, Peer, ProcessId};
use crate::mailbox::Mailbox;
use crate::process::{self, Process};
use crate::shm::roster::Stage;
use crate::shm::segment::attached;
use crate::wait::{Opened, Source};

/// Who can be linked to and monitored: `ActorRef`, [`Incarnation`], [`Process`], [`ProcessId`],
/// [`Peer`], and references to these.
///
/// A reference to an actor means the life that it lives at the moment. Between two lives, and after its
/// end, nobody is there, and that is what one is told.
pub trait Target: Sealed {
    /// Which run is meant now.
    fn peer(&self) -> Peer {
        self.found().peer
    }
}

impl<T: Sealed + ?Sized> Target for T {}

/// Who was found at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub(crate) peer: Peer,
    /// `None`: nobody lives there.
    pub(crate) process: Option<ProcessId>,
}

/// Keeps [`Target`] for the types of this crate.
pub trait Sealed {
    /// Looks who is there.
    #[doc(hidden)]
    fn found(&self) -> Found;
}

impl<T: Sealed + ?Sized> Sealed for &T {
    fn found(&self) -> Found {
        (**self).found()
    }
}

impl Sealed for ProcessId {
    fn found(&self) -> Found {
        Found { peer: Peer::from(*self), process: Some(*self).filter(|process| !is_over(*process)) }
    }
}

impl<R> Sealed for Process<R> {
    fn found(&self) -> Found {
        self.id().found()
    }
}

impl Sealed for Incarnation {
    fn found(&self) -> Found {
        let living = Found::of_actor(self.actor).filter(|found| found.peer == Peer::Actor(*self));
        living.unwrap_or(Found { peer: Peer::Actor(*self), process: None })
    }
}

impl Sealed for Peer {
    fn found(&self) -> Found {
        match self {
            Peer::Actor(incarnation) => incarnation.found(),
            Peer::Process(process) => process.found(),
            Peer::Main => ProcessId::MAIN.found(),
        }
    }
}

impl Source for Incarnation {
    fn opened(&self) -> io::Result<Opened<'_>> {
        self.found().opened()
    }
}

impl Source for Peer {
    fn opened(&self) -> io::Result<Opened<'_>> {
        self.found().opened()
    }
}

/// How often to look for the life of an actor while it changes. No actor is restarted as often as that
/// between two looks; a broken peer can write there.
const LOOKS_MAX: usize = 100;

impl Found {
    /// What one comes down to who waits for the end of this run. It is ready if nobody was found.
    pub(crate) fn opened(self) -> io::Result<Opened<'static>> {
        match self.process {
            None => Ok(Opened::Ready),
            // A life that is beginning has no descriptor yet. The node knows of it, and of its end.
            Some(process) if process::is_starting(process) => {
                let end = monitor(process).map_err(io::Error::other)?;
                Ok(Opened::Made(Box::new(end)))
            }
            Some(process) => process::opened(process),
        }
    }

    /// The present life of an actor, or the last one without a process. `None`: it has ended for good.
    pub(crate) fn of_actor(actor: crate::id::ActorId) -> Option<Found> {
        let mailbox = Mailbox::attach(actor)?;
        let segment = attached()?;
        let mut peer = Peer::Actor(Incarnation { actor, life: 0 });
        for _ in 0..LOOKS_MAX {
            let (life, participant) = mailbox.life();
            peer = Peer::Actor(Incarnation { actor, life });
            let Some(participant) = participant.filter(|it| it.index() < crate::id::PARTICIPANTS_MAX) else {
                return Some(Found { peer, process: None });
            };
            let generation = segment.record(participant).generation();
            // The record is given to another only after the mailbox says that this life is over.
            if mailbox.life() == (life, Some(participant)) {
                let process = ProcessId { participant, generation };
                return Some(Found { peer, process: Some(process).filter(|process| !is_over(*process)) });
            }
        }
        Some(Found { peer, process: None })
    }
}

/// Whether a process has ended, and everything that belongs to that is done. Once so, always so.
fn is_over(process: ProcessId) -> bool {
    if process.participant == Participant::NODE {
        return process != ProcessId::MAIN;
    }
    let Some(segment) = attached().filter(|_| process.participant.index() < crate::id::PARTICIPANTS_MAX) else {
        return true;
    };
    let record = segment.record(process.participant);
    record.generation() != process.generation || record.stage() == Stage::Free
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ActorId, WindowId};

    #[test]
    fn smoke() {
        crate::shm::segment::segment().unwrap();
        assert_eq!(Peer::Main.found(), Found { peer: Peer::Main, process: Some(ProcessId::MAIN) });
        assert_eq!(Peer::Main.peer(), Peer::Main);
    }

    #[test]
    fn nobody_is_found_where_nobody_was() {
        crate::shm::segment::segment().unwrap();
        let never = ProcessId { participant: Participant(16_000), generation: 7 };
        assert_eq!(never.found(), Found { peer: Peer::Process(never), process: None });
        let beyond = ProcessId { participant: Participant(u16::MAX), generation: 7 };
        assert_eq!(beyond.found().process, None, "as a broken peer could have sent it");
        let actor = ActorId(WindowId { index: u16::MAX, generation: 7 });
        let life = Incarnation { actor, life: 3 };
        assert_eq!((&&life).found(), Found { peer: Peer::Actor(life), process: None });
    }
}
