//! What becomes of messages when actors die, stop, are full or are started again.
//!
//! The actor that is sent to stands in [`worker`]; it does as each message says, and keeps a
//! journal in a queue that outlives it.

mod cost;
mod dead_letters;
mod ends;
mod in_hand;
mod lives;
mod stop;
mod worker;
