//! Shared memory: what the processes of a node have in common, and what a dead one can leave behind.
//!
//! Whatever is written here may be the last thing its writer ever does. Every step of every
//! protocol in this folder therefore ends in a state that the next reader understands, and names
//! the participant on whom it depends. After the proven death of a participant the node repairs
//! what names it (`recover` in each file); nothing is ever repaired on suspicion.

pub(crate) mod barrier;
mod bits;
pub(crate) mod blob;
pub(crate) mod cells;
pub(crate) mod ends;
pub(crate) mod event;
pub(crate) mod extent;
pub(crate) mod flag;
pub(crate) mod handle;
pub(crate) mod hands;
pub(crate) mod headroom;
mod held;
mod index;
mod kind;
pub(crate) mod lately;
pub(crate) mod layout;
pub(crate) mod line;
pub(crate) mod lock;
pub(crate) mod log_ring;
mod log_track;
#[cfg(test)]
pub(crate) mod models;
pub(crate) mod order;
pub(crate) mod ordered;
pub(crate) mod payload;
pub(crate) mod permits;
pub(crate) mod post;
pub(crate) mod region;
pub(crate) mod room;
pub(crate) mod roster;
pub(crate) mod rwlock;
pub(crate) mod segment;
pub(crate) mod slots;
pub(crate) mod spin;
pub(crate) mod table;
pub(crate) mod waiters;
pub(crate) mod waits;
pub(crate) mod window;
pub(crate) mod words;
