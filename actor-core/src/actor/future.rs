//! Calls and casts in async code: `.await` sends them as `wait` and `send` do, without a thread
//! that sleeps.
//!
//! No runtime is needed: wakes come from the process's own helper thread. A future that is dropped
//! gives its call up like a timeout does: what was posted may still be handled.

use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;

use super::call::Call;
use super::cast::Cast;
use super::error::{CallError, SendError};
use super::post::{self, Origin};
use crate::logs::{self, Calling};
use crate::reply::{ReplyKind, ReplySlot};
use crate::shm::segment::attached;
use crate::time::Deadline;

/// What `.await` on a call or a cast waits for.
type Sending<O> = Pin<Box<dyn Future<Output = O> + Send>>;

impl<M, T, E> IntoFuture for Call<M, T, E>
where
    M: Send,
{
    type Output = Result<T, CallError<E>>;
    type IntoFuture = Sending<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(call(self))
    }
}

impl<M> IntoFuture for Cast<M>
where
    M: Send,
{
    type Output = Result<(), SendError<M>>;
    type IntoFuture = Sending<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(cast(self))
    }
}

async fn call<M, T, E>(call: Call<M, T, E>) -> Result<T, CallError<E>> {
    let deadline = call.limit.deadline();
    call.refuse_own()?;
    // Encoded here and now, so that nothing borrows the arguments while this future waits: they
    // need not be `Sync`.
    let mut payload = Vec::new();
    let encoded = post::encode(call.handler, &call.message, &mut payload).map(|travellers| (payload, travellers));
    let opened = match attached() {
        Some(segment) => Some(poll_fn(|task| ReplySlot::poll_open(segment, task, deadline)).await),
        None => None,
    };
    let mut slot = call.opened(opened)?;
    let calling = Calling::from_anywhere();
    let origin = Origin { reply: Some(slot.address()), trace: calling.trace() };
    let posted = post::post_async(call.address, &call.handler.info, encoded, origin, deadline).await;
    posted.map_err(|failure| call.not_posted(failure))?;
    let mut buffer = Vec::new();
    if let Some(kind) = answer(&mut slot, deadline, &mut buffer).await {
        return call.read(kind, &buffer);
    }
    // Asking the node to kill blocks this thread for a moment, in the one case that is not normal.
    let patience = call.on_overrun(&slot);
    match answer(&mut slot, patience, &mut buffer).await {
        Some(kind) => call.read(kind, &buffer),
        None => Err(CallError::Timeout(call.operation())),
    }
}

async fn cast<M>(cast: Cast<M>) -> Result<(), SendError<M>> {
    let deadline = cast.limit.deadline();
    let mut payload = Vec::new();
    let encoded = post::encode(cast.handler, &cast.message, &mut payload).map(|travellers| (payload, travellers));
    let origin = Origin { reply: None, trace: logs::casting() };
    let posted = post::post_async(cast.address, &cast.handler.info, encoded, origin, deadline).await;
    posted.map_err(|failure| cast.not_sent(failure))
}

async fn answer(slot: &mut ReplySlot, deadline: Deadline, buffer: &mut Vec<u8>) -> Option<ReplyKind> {
    poll_fn(|task| slot.poll(task, deadline, buffer)).await
}
