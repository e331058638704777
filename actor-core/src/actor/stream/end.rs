//! [`End`]: why an actor has come to the end of a stream, which is what it replies to the call.
//!
//! An actor that dies replies nothing; then the node does, with its report.

use serde::{Deserialize, Serialize};

/// What an actor says when it is done with a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum End {
    /// There is nothing more.
    Done,
    /// Somebody has asked the actor to stop.
    Stopped,
    /// The caller has not made room for longer than it was going to wait itself.
    Stalled,
    /// The caller does not wait any more, so nobody will read this.
    GivenUp,
    /// An item could not be sent.
    Failed(String),
}
