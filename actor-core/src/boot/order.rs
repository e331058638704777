//! [`Order`]: all that a new process has to know, as plain data in its record.
//!
//! Whoever makes the process (the zygote, the kernel's exec) carries nothing but the number of the
//! participant. So an order is written once and read once, by the process it is for.

use std::os::fd::RawFd;

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::id::{ActorId, WindowId};
use crate::shm::roster::Record;
use crate::wire::{self, Bytes, DecodeError, EncodeError};

/// What a process is told at its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Where it begins.
    pub(crate) entry: Entry,
    pub(crate) arguments: Arguments,
    /// What it is called in `ps` and `top` and in reports.
    pub(crate) name: String,
    /// The mailbox it serves, if it is an actor.
    pub(crate) mailbox: Option<ActorId>,
    /// The number, in the node, of the pipe that becomes its stderr. Without one it has the node's.
    pub(crate) stderr: Option<RawFd>,
    /// The node's current directory at the time of the spawn.
    pub(crate) directory: Bytes,
    /// How the node's environment at the time of the spawn differs from that of its zygote.
    pub(crate) environment: Vec<(Bytes, Option<Bytes>)>,
    pub(crate) method: StartMethod,
}

/// Where the encoded arguments of an entry function are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Arguments {
    /// Here. An order must fit into a record, so only small ones are.
    Inline(Bytes),
    /// In a window of their own.
    Window(WindowId),
}

/// How processes are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartMethod {
    /// Forked by the zygote: a tenth of a millisecond.
    ///
    /// A zygote that turns out to be of another build than the node, or of another protocol, is not
    /// used: a `tracing` warning has both, and after three zygotes that failed, for whatever reason,
    /// processes are executed for a while instead.
    #[default]
    Zygote,
    /// Executed anew by the node: a millisecond, and nothing is shared with other processes.
    Exec,
}

/// Why an order could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the order of a new process cannot be read")]
pub(crate) struct BadOrder(#[from] DecodeError);

impl Order {
    /// # Errors
    /// None: an order consists of numbers, bytes and texts. The codec's type says otherwise.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::new();
        wire::encode_into(&mut bytes, self)?;
        Ok(bytes)
    }

    /// Reads the order that the node has written into `record`.
    ///
    /// # Errors
    /// The record holds something else.
    pub(crate) fn read(record: &Record) -> Result<Order, BadOrder> {
        Ok(wire::decode(&record.order())?)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::boot::Start;
    use crate::shm::roster::ORDER_MAX;

    pub(in crate::boot) fn order(entry: fn(Start), arguments: &[u8]) -> Order {
        Order {
            entry: Entry::of(entry).expect("tests are code of the executable"),
            arguments: Arguments::Inline(Bytes(arguments.to_vec())),
            name: "a test's".into(),
            mailbox: None,
            stderr: None,
            directory: Bytes(b"/".to_vec()),
            environment: Vec::new(),
            method: StartMethod::Zygote,
        }
    }

    #[test]
    fn smoke() {
        let mut order = order(|_| (), b"\0\xff arguments");
        order.environment = vec![(Bytes(b"A\xff".to_vec()), Some(Bytes(b"b".to_vec()))), (Bytes(b"C".to_vec()), None)];
        order.mailbox = Some(ActorId(WindowId { index: 3, generation: 9 }));
        let bytes = order.to_bytes().unwrap();
        assert_eq!(wire::decode::<Order>(&bytes).unwrap(), order);
        assert!(bytes.len() < 200, "{} bytes leave room for arguments", bytes.len());
    }

    #[test]
    fn bytes_are_stored_as_bytes() {
        let arguments = vec![0xff; ORDER_MAX / 2];
        assert!(order(|_| (), &arguments).to_bytes().unwrap().len() < arguments.len() + 200);
    }

    #[test]
    fn garbage_is_no_order() {
        for bytes in [&[][..], &[0xc1], b"garbage", &[0xff; 100]] {
            assert!(wire::decode::<Order>(bytes).is_err());
        }
    }
}
