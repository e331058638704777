//! [`Answers`]: what comes back for a call, from bytes to the caller's result.
//!
//! It knows neither the arguments of the call nor how it is waited for, so all ways of waiting share it.

use super::error::{CallError, Operation};
use super::handler::Codec;
use crate::exit::ExitReport;
use crate::reply::ReplyKind;
use crate::wire;

/// How the answer to one call is read.
pub(super) struct Answers<T: 'static, E: 'static> {
    pub(super) operation: Operation,
    pub(super) reply: &'static Codec<T>,
    /// None where the handler cannot fail.
    pub(super) error: Option<&'static Codec<E>>,
}

impl<T, E> Answers<T, E> {
    /// The answer as the caller's result.
    #[inline]
    pub(super) fn read(&self, kind: ReplyKind, payload: &[u8]) -> Result<T, CallError<E>> {
        let operation = self.operation;
        let decode_error = |source| CallError::Decode { operation, source };
        match kind {
            ReplyKind::Value => (self.reply.decode)(payload).map_err(decode_error),
            ReplyKind::Error => Err(match self.error {
                Some(codec) => (codec.decode)(payload).map_or_else(decode_error, CallError::Handler),
                None => self.failed("the reply is an error, which this handler cannot have".to_owned()),
            }),
            ReplyKind::Exit => {
                let report = wire::decode::<ExitReport>(payload);
                Err(report.map_or_else(decode_error, |report| CallError::Died(Box::new(report))))
            }
            ReplyKind::NoProc => Err(CallError::NoProc(operation)),
            ReplyKind::Closed => Err(CallError::Closed(operation)),
            ReplyKind::Unanswered => Err(CallError::Unanswered(operation)),
            ReplyKind::Failed => Err(self.failed(String::from_utf8_lossy(payload).into_owned())),
        }
    }

    fn failed(&self, text: String) -> CallError<E> {
        CallError::Failed { operation: self.operation, text }
    }
}
