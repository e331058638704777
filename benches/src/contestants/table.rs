//! All who take part. The first of ours in a case is whom the others are compared with.

use super::{erlang, iceoryx2, ipc_channel, kameo, limits, ours, pipe, procspawn, python, ractor, seqpacket};
use crate::Result;
use crate::contestant::Contestant;

pub(crate) static ALL: &[&dyn Contestant] = &[
    &ours::Actor,
    &ours::RawQueue,
    &ours::BatchedQueue,
    &ours::Executed,
    &ours::BY_DEFAULT,
    &ours::ONE_BY_ONE,
    &ours::Apply,
    &pipe::Pipe,
    &seqpacket::Seqpacket,
    &ipc_channel::IpcChannel,
    &iceoryx2::Poll,
    &iceoryx2::Event,
    &procspawn::Procspawn,
    &ractor::Ractor,
    &kameo::Kameo,
    &python::QUEUE,
    &python::SIMPLE_QUEUE,
    &python::PIPE,
    &python::POOL,
    &python::POOL_MAP,
    &python::POOL_MAP_ONE,
    &python::EXECUTOR_MAP,
    &python::FORK,
    &python::FORKSERVER,
    &python::SPAWN,
    &erlang::Erlang,
    &limits::Memcpy,
    &limits::CacheLine,
    &limits::Futex,
    &limits::RawFork,
];

pub(crate) fn find(who: &str) -> Result<&'static dyn Contestant> {
    let found = ALL.iter().find(|contestant| contestant.who() == who).copied();
    found.ok_or_else(|| format!("nobody here is called {who}").into())
}
