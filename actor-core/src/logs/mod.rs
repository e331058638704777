//! The node's log: what its processes say through `tracing`, heard in one place and in its context.
//!
//! On the side of a process: `forwarder` is its subscriber, `outlet` what it knows and the way into its ring
//! (`shm/log_ring.rs`), `handling` the span around a handler. On the side of the node: `relay` is the thread,
//! `reading` its pass over the rings, `mirror` spans and events as the subscriber there gets them, `sites` where
//! they come from, `callers` the spans there that messages come from. Between the two: `frame`, and with the
//! messages `trace`.
//!
//! Nothing here waits for anybody, and nothing that is logged is worth a process: what finds no room is dropped and
//! counted.

mod callers;
mod calling;
#[cfg(feature = "testing")]
pub(crate) mod door;
mod forwarder;
mod frame;
mod handling;
mod level;
mod mirror;
mod outlet;
mod reading;
mod relay;
mod sites;
mod trace;

pub(crate) use calling::{Calling, casting};
pub(crate) use forwarder::{during, install_at_once};
pub(crate) use handling::{begin, end};
pub(crate) use relay::{announce, bury, counts, flush, later};
pub(crate) use trace::TraceContext;
