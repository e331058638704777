//! Replies that come piece by piece: a handler that returns an iterator, and a caller who has one.
//!
//! The items go through a window that the caller makes and that only these two use, so its size is how far
//! the actor may be ahead. The reply slot of the call stays open until the stream has ended: what is put
//! there, by the actor or in place of a dead one, says how. The caller reads what lies in the window first,
//! then the answer.
//!
//! | who dies | the other |
//! |---|---|
//! | the actor | gets what was sent, then the exit report, once |
//! | the caller | finds the call no longer waited for, drops the iterator and goes on |
//!
//! The iterator is driven in its handler, so that it may borrow the actor. Nothing here runs beside the
//! handlers, keeps items for anybody else, or hands a stream out again.

mod call;
mod end;
mod error;
mod items;
mod opening;
mod polled;
mod produce;
mod reading;
#[cfg(test)]
mod tests;

pub use call::StreamCall;
pub use error::StreamError;
pub use items::{ItemStream, Items};
pub use polled::polled;
