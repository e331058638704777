//! What can go wrong with links and monitors. That the other one is dead is no such thing: it is an
//! answer, and comes as one.

use crate::node::{AskError, LINKS_MAX, MONITORS_MAX};

/// Why there is no link, or a link is still there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// One of the two has as many links, and exit signals that it has not taken, as there can be.
    #[error("no link to {peer}: one of the two has {LINKS_MAX} links and exit signals already")]
    TooMany {
        /// The other end.
        peer: String,
    },
    /// The node could not do it.
    #[error("no link to {peer}: {text}")]
    System {
        /// The other end.
        peer: String,
        /// What was in the way.
        text: String,
    },
}

impl LinkError {
    pub(super) fn system(peer: impl ToString, error: &AskError) -> LinkError {
        LinkError::System { peer: peer.to_string(), text: error.to_string() }
    }
}

/// Why there is no monitor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// This process has as many monitors, and notices that it has not taken, as there can be.
    #[error("no monitor on {peer}: this process has {MONITORS_MAX} already")]
    TooMany {
        /// Who was to be monitored.
        peer: String,
    },
    /// The node could not be told.
    #[error("no monitor on {peer}: {text}")]
    System {
        /// Who was to be monitored.
        peer: String,
        /// What was in the way.
        text: String,
    },
}
