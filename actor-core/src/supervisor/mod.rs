//! Supervisors: actors that are started together, started again when they fail, and stopped
//! together.
//!
//! The rules are OTP's and stand in the supervision core; the node carries them out. Here is what
//! a program says and gets: a [`SupervisorBuilder`] takes a [`ChildSpec`] per actor and gives a
//! reference to each, and a [`Supervisor`] is the handle to all of them when they run.

mod builder;
mod error;
mod handle;

pub use builder::{ChildSpec, SupervisorBuilder};
pub use error::{StartError, SupervisorError};
pub use handle::Supervisor;
