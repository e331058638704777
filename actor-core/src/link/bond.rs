//! Links: to end together.

use std::time::Duration;

use super::desk;
use super::error::LinkError;
use super::target::{Found, Target};
use crate::id::Peer;
use crate::node::{self, Answer, LINKS_MAX, Request};
use crate::time::Deadline;

/// How long the node may take to link two.
const AT_HAND: Duration = Duration::from_secs(5);

/// Links this process and `target`, if they are not linked: if one of them ends, so does the other.
///
/// The link holds when this returns. Where nobody is there any more, this process gets the exit signal
/// [`NoProc`](crate::ExitReason::NoProc) at once, of which it dies if it does not
/// [trap](super::trap_exit) it. To link somebody from his beginning there is `spawn_link`.
///
/// ```
/// use actor_core::link::link;
/// use actor_core::process::{JoinError, Process};
/// use actor_core::{ExitReason, Peer};
///
/// /// Ends with another.
/// fn follow(leader: Peer) {
///     link(leader).expect("the node is there");
///     std::thread::park();
/// }
///
/// # fn main() -> actor_core::Result<()> {
/// let leader = Process::spawn(|()| std::thread::park(), ())?;
/// let follower = Process::spawn(follow, leader.id().into())?;
/// leader.kill()?;
/// let Err(JoinError::Died(report)) = follower.join() else { panic!("it parks for ever") };
/// // It was linked before that, or found nobody.
/// assert!(matches!(report.reason, ExitReason::Killed { .. } | ExitReason::NoProc));
/// assert_eq!(report.via, Some(leader.id().into()));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// See [`LinkError`]; there is no new link then.
pub fn link(target: impl Target) -> Result<(), LinkError> {
    let Found { peer, process } = target.found();
    let segment = node::ensure().map_err(|error| LinkError::system(peer, &error.into()))?;
    desk::collect();
    let too_many = || LinkError::TooMany { peer: peer.to_string() };
    if LINKS_MAX <= desk::desk().exits.len() {
        return Err(too_many());
    }
    let request = Request::Link { by: desk::me(segment), peer, process };
    match node::ask(&request, Deadline::after(AT_HAND)) {
        Ok(Answer::TooMany) => Err(too_many()),
        Ok(_) => Ok(()),
        Err(error) => Err(LinkError::system(peer, &error)),
    }
}

/// Cuts the link between this process and `target`, if there is one. No exit signal of it is told
/// afterwards, not even one that was on its way.
///
/// # Errors
/// See [`LinkError`]; the link may still be there then.
pub fn unlink(target: impl Target) -> Result<(), LinkError> {
    let Found { peer, process } = target.found();
    let segment = node::ensure().map_err(|error| LinkError::system(peer, &error.into()))?;
    if let Some(process) = process {
        let request = Request::Unlink { by: desk::me(segment), process };
        node::ask(&request, Deadline::after(AT_HAND)).map_err(|error| LinkError::system(peer, &error))?;
    }
    forget(peer);
    Ok(())
}

/// Forgets the signal of one who has died before the link was cut.
fn forget(peer: Peer) {
    desk::collect();
    desk::desk().forget_exits(peer);
}
