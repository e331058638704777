//! What is decided, as pure functions: supervision, `event, now → actions`, what follows from links and
//! monitors, and what is due when.
//!
//! Nothing in here waits, reads a clock, starts a process or logs. A driver tells a
//! [`Supervision`] what happened and when, and carries out the [`Action`]s that come back; a
//! simulator can be the driver just as well, which is how the rules are tested. Only `exit`, `id`
//! and time stand below this module.
//!
//! Read `spec.rs` for all that can be said about a child, then the three tables (`decision.rs`:
//! restart or not, `intensity.rs`: how often, `plan.rs`: who else), then `supervision.rs`, where
//! they are put together. `ties.rs` and `timetable.rs` stand for themselves.

mod decision;
mod intensity;
mod plan;
mod spec;
mod status;
mod supervision;
mod ties;
mod timetable;

pub use intensity::Intensity;
pub use spec::{AutoShutdown, Backoff, Restart, Shutdown, SpecError, Strategy};
pub use status::{ChildPhase, ChildStatus, SupervisorEnd};
pub use timetable::Missed;

pub(crate) use spec::{ChildRules, SupervisorRules};
#[cfg(feature = "testing")]
pub use supervision::simulation;
pub(crate) use supervision::{Action, ChildKey, ChildState, Event, Outcome, Report, Supervision, TimerId};
pub(crate) use ties::{Consequence, Ties, at_other_end, travelling};
pub(crate) use timetable::{Period, Timetable};
