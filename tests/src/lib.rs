//! What the integration tests and their small programs share.

pub mod board;
pub mod busy;
pub mod chance;
pub mod counting;
pub mod crash;
pub mod foreign;
pub mod groups;
pub mod hostile;
pub mod mains;
pub mod memory;
pub mod message;
pub mod steps;
pub mod terminal;
pub mod watch;
