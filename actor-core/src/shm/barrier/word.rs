//! The words of a barrier: how a round ended, the main word, and that of a place.

use crate::id::Participant;

/// How a round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum End {
    Passed = 0,
    Aborted = 1,
    Reset = 2,
    TimedOut = 3,
    Died = 4,
    /// The action has panicked.
    ActionFailed = 5,
    /// One who waited has let go.
    GivenUp = 6,
}

impl End {
    fn of(raw: u64) -> End {
        match raw {
            0 => End::Passed,
            2 => End::Reset,
            3 => End::TimedOut,
            4 => End::Died,
            5 => End::ActionFailed,
            6 => End::GivenUp,
            _ => End::Aborted,
        }
    }
}

/// What became of a round, and by whose doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) by: Participant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Filling = 0,
    Acting = 1,
    Broken = 2,
}

/// The main word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Main(pub(super) u64);

const CAUSE_SHIFT: u32 = 2;
const WHO_SHIFT: u32 = 5;
const REST_SHIFT: u32 = 32;

fn who(word: u64) -> Participant {
    Participant((word >> WHO_SHIFT) as u16 & ((1 << Participant::BITS) - 1))
}

impl Main {
    pub(super) fn new(phase: Phase, ended: Ended, round: u32) -> Main {
        let Ended { end, by } = ended;
        let low = phase as u64 | (end as u64) << CAUSE_SHIFT | u64::from(by.0) << WHO_SHIFT;
        Main(low | u64::from(round) << REST_SHIFT)
    }

    pub(super) fn phase(self) -> Phase {
        match self.0 & 0b11 {
            0 => Phase::Filling,
            1 => Phase::Acting,
            _ => Phase::Broken,
        }
    }

    /// How the round before ended; in `ACTING` it is nobody's any more, and the participant is the actor.
    pub(super) fn last(self) -> Ended {
        Ended { end: End::of(self.0 >> CAUSE_SHIFT & 0b111), by: who(self.0) }
    }

    pub(super) fn round(self) -> u32 {
        (self.0 >> REST_SHIFT) as u32
    }

    /// The word that ends this round.
    pub(super) fn ended(self, end: End, by: Participant) -> Main {
        let phase = if matches!(end, End::Passed | End::Reset) { Phase::Filling } else { Phase::Broken };
        Main::new(phase, Ended { end, by }, self.round().wrapping_add(1))
    }
}

/// The word of a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(pub(super) u64);

pub(super) const FREE: u64 = 0;
const ENTERING: u64 = 1;
const ARRIVED: u64 = 2;
const DONE: u64 = 3;

impl Place {
    pub(super) fn entering(me: Participant) -> Place {
        Place(ENTERING | u64::from(me.0) << WHO_SHIFT)
    }

    pub(super) fn arrived(me: Participant, round: u32) -> Place {
        Place(ARRIVED | u64::from(me.0) << WHO_SHIFT | u64::from(round) << REST_SHIFT)
    }

    /// The same, told how its round ended.
    pub(super) fn done(self, ended: Ended) -> Place {
        let Ended { end, by } = ended;
        let low = DONE | (end as u64) << CAUSE_SHIFT | u64::from(who(self.0).0) << WHO_SHIFT;
        Place(low | u64::from(by.0) << REST_SHIFT)
    }

    fn state(self) -> u64 {
        self.0 & 0b11
    }

    pub(super) fn has_arrived_in(self, round: u32) -> bool {
        self.state() == ARRIVED && (self.0 >> REST_SHIFT) as u32 == round
    }

    pub(super) fn is_of(self, participant: Participant) -> bool {
        self.state() != FREE && who(self.0) == participant
    }

    pub(super) fn told(self) -> Option<Ended> {
        let by = Participant((self.0 >> REST_SHIFT) as u16);
        (self.state() == DONE).then(|| Ended { end: End::of(self.0 >> CAUSE_SHIFT & 0b111), by })
    }
}
