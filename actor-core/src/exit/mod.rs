//! How a process ended: the reason, the report around it, and the one function that decides.
//!
//! Plain data and pure functions, no system calls: whoever reaps a process gathers the evidence
//! ([`Evidence`]) and [`classify`](classify()) turns it into an [`ExitReason`]. Start reading there. This
//! module must not know about supervision or messages beyond their names.

mod classify;
mod reason;
mod record;
mod report;
mod tail;

pub use reason::{ExitReason, KilledBy};
pub use report::{ExitReport, InHand, ResourceUsage};

pub(crate) use classify::{Evidence, WaitStatus, came_by_link, classify};
pub(crate) use record::{EndKind, EndRecord, LOCATION_BYTES_MAX, TEXT_BYTES_MAX, clip};
pub(crate) use tail::Tail;
