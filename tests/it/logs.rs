//! What the processes of a node log, as its subscriber hears it.

mod context;
mod ends;
mod events;
pub(crate) mod listener;
mod load;
mod stderr;
mod talker;
