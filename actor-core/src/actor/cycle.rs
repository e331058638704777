//! [`Cycle`]: actors of which each waits for the next, and the last for the first.

use std::fmt;

use crate::id::ActorId;

/// Actors of which each waits for the next, and the last for the first: why a call or a cast would wait
/// for itself.
///
/// It begins with the actor that is told of it. [`Call`](super::Call) says which waits count.
///
/// ```
/// use actor_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Clerk;
///
/// #[handlers]
/// impl Clerk {
///     #[call]
///     fn ask(&self, other: ActorRef<Clerk>, context: &mut Context<Self>) -> Vec<String> {
///         match other.reply_to(context.actor_ref()).wait() {
///             Ok(texts) => texts,
///             Err(error) => vec![error.to_string()],
///         }
///     }
///
///     /// Calls the one that waits for this very answer.
///     #[call]
///     fn reply_to(&self, asking: ActorRef<Clerk>) -> Vec<String> {
///         match asking.title().wait() {
///             Err(CallError::WouldDeadlock { cycle, .. }) => vec![cycle.to_string()],
///             other => vec![format!("{other:?}")],
///         }
///     }
///
///     #[call]
///     fn title(&self) -> String {
///         "clerk".to_owned()
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let (one, other) = (Clerk.spawn()?, Clerk.spawn()?);
///     let (first, second) = (other.id(), one.id());
///     let texts = one.ask(other).wait()?;
///     assert_eq!(texts, [format!("`Clerk` {first} -> `Clerk` {second} -> `Clerk` {first}")]);
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    members: Vec<(ActorId, String)>,
}

impl Cycle {
    /// Of at least one, each with what it is called.
    pub(super) fn new(members: Vec<(ActorId, String)>) -> Cycle {
        Cycle { members }
    }

    /// The actors, in the order in which they wait; the last waits for the first.
    pub fn actors(&self) -> impl Iterator<Item = ActorId> + '_ {
        self.members.iter().map(|(actor, _)| *actor)
    }
}

/// The first one is named twice: `a` <3.1> -> `b` <4.1> -> `a` <3.1>.
impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (actor, name) in &self.members {
            write!(f, "`{name}` {actor} -> ")?;
        }
        self.members.first().map_or(Ok(()), |(actor, name)| write!(f, "`{name}` {actor}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::WindowId;

    #[test]
    fn smoke() {
        let actor = |index| ActorId(WindowId { index, generation: 1 });
        let cycle = Cycle::new(vec![(actor(3), "a".into()), (actor(4), "b".into())]);
        assert_eq!(cycle.to_string(), "`a` <3.1> -> `b` <4.1> -> `a` <3.1>");
        assert_eq!(cycle.actors().collect::<Vec<_>>(), [actor(3), actor(4)]);
    }
}
