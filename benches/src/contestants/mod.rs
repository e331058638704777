//! Who takes part, a file each, and the list of them.

mod erlang;
mod iceoryx2;
mod ipc_channel;
mod kameo;
mod limits;
mod ours;
mod pipe;
mod procspawn;
mod python;
mod ractor;
mod seqpacket;
mod table;

pub(crate) use table::{ALL, find};
