//! Ticks: what an actor is told when a time has come that it has set itself.
//!
//! They live in the actor's process, with the actor: the loop looks here between two messages and sleeps
//! until the next is due. Nobody else knows of them, so they cost nobody else anything, and are gone with
//! the process. Messages to be sent later, which others can set and which can outlive their sender, are
//! those of [`later`](super::later).

use std::time::{Duration, Instant};

use super::behaviour::Actor;
use super::context::Context;
use super::info::Info;
use crate::core::{Missed, Period};
use crate::time::Deadline;

/// Ticks that an actor is told between two messages at most, so that those have their turn as well.
const TICKS_PER_TURN: usize = 64;
/// Timers that an actor can have at once.
const TICKING_MAX: usize = 1 << 16;

/// A time has come that the actor has set with [`Context::every`] or [`Context::after`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick {
    /// Which timer it is of.
    pub timer: TickRef,
    /// When it was due: the start and a whole number of periods, however late it is told.
    pub due: Instant,
    /// Its place among the ticks of its timer, counted from 1, those that were skipped included.
    pub count: u64,
    /// For how many earlier ones it stands as well, with [`Missed::Skip`].
    pub missed: u64,
}

/// Which timer of its actor it is. It means nothing to others, nor to the next life of the actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TickRef(u64);

/// Why an actor will not be told a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TickError {
    /// It has 65 536 timers already.
    #[error("an actor that has {TICKING_MAX} timers gets no more")]
    TooMany,
    /// A period of nothing would be due without end.
    #[error("a timer with a period of nothing would be due without end")]
    NoPeriod,
}

impl<A: Actor> Context<A> {
    /// Has the actor told a [`Tick`] after each period, until it cancels that or its process ends.
    ///
    /// Due times are the present moment plus whole periods: they do not drift, however late the actor comes
    /// to them. What becomes of those that pass while a handler runs, `missed` says. A tick that is due goes
    /// before the next message; of many that are due, at most 64 go before it.
    ///
    /// The next life of an actor has no ticks but those that it sets itself, in `#[init]` for example.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use actor_core::prelude::*;
    /// use actor_core::{Missed, Tick};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Actor, Serialize, Deserialize)]
    /// struct Pulse {
    ///     beats: u64,
    /// }
    ///
    /// #[handlers]
    /// impl Pulse {
    ///     #[init]
    ///     fn new(context: &mut Context<Self>) -> Result<Pulse, Failure> {
    ///         context.every(Duration::from_millis(5), Missed::Skip).map_err(Failure::new)?;
    ///         Ok(Pulse { beats: 0 })
    ///     }
    ///
    ///     #[info]
    ///     fn beat(&mut self, tick: Tick) {
    ///         self.beats = tick.count;
    ///     }
    ///
    ///     #[call]
    ///     fn beats(&self) -> u64 {
    ///         self.beats
    ///     }
    /// }
    ///
    /// fn main() -> actor_core::Result<()> {
    ///     let pulse = Pulse::define(()).spawn()?;
    ///     while pulse.beats().wait()? < 3 {}
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// See [`TickError`].
    pub fn every(&mut self, period: Duration, missed: Missed) -> Result<TickRef, TickError> {
        if period.is_zero() {
            return Err(TickError::NoPeriod);
        }
        self.set_tick(period, Some(Period { every: period, missed }))
    }

    /// Has the actor told one [`Tick`] after `delay`. After the end of the clock is never.
    ///
    /// # Errors
    /// See [`TickError`].
    pub fn after(&mut self, delay: Duration) -> Result<TickRef, TickError> {
        self.set_tick(delay, None)
    }

    /// Has no more ticks of this timer told, not even one that is due already. False: it has told its only
    /// one, or was cancelled before.
    pub fn cancel(&mut self, timer: TickRef) -> bool {
        self.ticks.cancel(timer.0)
    }

    fn set_tick(&mut self, delay: Duration, period: Option<Period>) -> Result<TickRef, TickError> {
        if TICKING_MAX <= self.ticks.len() {
            return Err(TickError::TooMany);
        }
        Ok(TickRef(self.ticks.set(Instant::now().checked_add(delay), period)))
    }

    /// Tells the actor what is due, until it decides to end.
    #[cold]
    pub(super) fn tick(&mut self, actor: &mut A) {
        // Read once: who takes longer than his period must not keep the messages away for ever.
        let now = Instant::now();
        for _ in 0..TICKS_PER_TURN {
            if self.is_ending() {
                return;
            }
            let Some(due) = self.ticks.take_due(now) else { return };
            let tick = Tick { timer: TickRef(due.number), due: due.at, count: due.count, missed: due.missed };
            self.inform(actor, Info::Tick(tick));
        }
    }

    /// How long the actor may sleep for all that it has set itself.
    pub(super) fn until_tick(&self) -> Deadline {
        self.ticks.next().map_or(Deadline::Never, Deadline::At)
    }
}
