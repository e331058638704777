//! What the integration tests and their small programs share.

pub mod foreign;
pub mod watch;
