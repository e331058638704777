//! [`Ties`]: who is linked to whom and who monitors whom, and what follows when one of them dies.
//!
//! | the dead one's reason | receiver traps exits | receiver does not |
//! |---|---|---|
//! | `Normal` | is told | lives on |
//! | any other | is told | ends with the same reason |
//!
//! A link is one per pair and has no direction. Monitors have one, are as many as were made, and give
//! one notice each. Whoever is dead has no ties: asking for one with the dead gives what it would have
//! given at the death, with the reason `NoProc`.
//!
//! Nothing here kills, sends or waits; the node does what comes out.

use std::collections::{BTreeMap, BTreeSet};

use crate::exit::{ExitReason, KilledBy};
use crate::id::{Peer, ProcessId};

/// All ties of a node.
#[derive(Debug, Default)]
pub(crate) struct Ties {
    links: BTreeMap<ProcessId, BTreeSet<ProcessId>>,
    /// Who monitors it, and the numbers that they have given.
    monitored: BTreeMap<ProcessId, BTreeSet<(ProcessId, u64)>>,
    /// What each number of a process stands for.
    monitoring: BTreeMap<ProcessId, BTreeMap<u64, ProcessId>>,
}

/// What follows from a death for one of those who were tied to the dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Consequence {
    /// The monitor with this number gives its one notice.
    Down { watcher: ProcessId, number: u64 },
    /// It is told of the exit, as it has wished.
    Told(ProcessId),
    /// It ends.
    Ends(ProcessId),
}

/// What a link does to its other end when one has ended for `reason`.
pub(crate) fn at_other_end(receiver: ProcessId, reason: &ExitReason, is_trapping: bool) -> Option<Consequence> {
    match (is_trapping, reason) {
        (true, _) => Some(Consequence::Told(receiver)),
        (false, ExitReason::Normal) => None,
        (false, _) => Some(Consequence::Ends(receiver)),
    }
}

/// The reason as it travels through links from `peer`, who ended for it. Whoever was killed did not
/// choose to end, and the next one is not killed on the same behalf: it dies of the link, and could
/// have trapped that.
pub(crate) fn travelling(reason: &ExitReason, peer: Peer) -> ExitReason {
    match reason {
        ExitReason::Killed { by: KilledBy::Link(_) } => reason.clone(),
        ExitReason::Killed { .. } => ExitReason::Killed { by: KilledBy::Link(peer) },
        _ => reason.clone(),
    }
}

impl Ties {
    /// Links two that live. Once is enough, and nobody is linked to himself.
    pub(crate) fn link(&mut self, one: ProcessId, other: ProcessId) {
        if one != other {
            self.links.entry(one).or_default().insert(other);
            self.links.entry(other).or_default().insert(one);
        }
    }

    pub(crate) fn unlink(&mut self, one: ProcessId, other: ProcessId) {
        for (this, that) in [(one, other), (other, one)] {
            if let Some(links) = self.links.get_mut(&this) {
                links.remove(&that);
                if links.is_empty() {
                    self.links.remove(&this);
                }
            }
        }
    }

    /// Has `watcher`, who lives, told of the end of `target`, who does. A number stands for one target.
    pub(crate) fn monitor(&mut self, watcher: ProcessId, number: u64, target: ProcessId) {
        if watcher == target || self.monitoring.get(&watcher).is_some_and(|numbers| numbers.contains_key(&number)) {
            return;
        }
        self.monitoring.entry(watcher).or_default().insert(number, target);
        self.monitored.entry(target).or_default().insert((watcher, number));
    }

    /// Forgets a monitor, if there is one of this number.
    pub(crate) fn demonitor(&mut self, watcher: ProcessId, number: u64) {
        let Some(numbers) = self.monitoring.get_mut(&watcher) else { return };
        let target = numbers.remove(&number);
        if numbers.is_empty() {
            self.monitoring.remove(&watcher);
        }
        if let Some(target) = target
            && let Some(watchers) = self.monitored.get_mut(&target)
        {
            watchers.remove(&(watcher, number));
            if watchers.is_empty() {
                self.monitored.remove(&target);
            }
        }
    }

    /// Those to whom a process is linked.
    pub(crate) fn linked_to(&self, process: ProcessId) -> impl Iterator<Item = ProcessId> {
        self.links.get(&process).into_iter().flatten().copied()
    }

    /// How many links a process has.
    pub(crate) fn links_of(&self, process: ProcessId) -> usize {
        self.links.get(&process).map_or(0, BTreeSet::len)
    }

    /// How many monitors a process has on others.
    pub(crate) fn monitors_of(&self, process: ProcessId) -> usize {
        self.monitoring.get(&process).map_or(0, BTreeMap::len)
    }

    /// Somebody has died: cuts all ties to him and tells what follows.
    pub(crate) fn die(
        &mut self,
        dead: ProcessId,
        reason: &ExitReason,
        is_trapping: impl Fn(ProcessId) -> bool,
    ) -> Vec<Consequence> {
        let numbers: Vec<u64> = self.monitoring.get(&dead).into_iter().flat_map(BTreeMap::keys).copied().collect();
        numbers.into_iter().for_each(|number| self.demonitor(dead, number));
        let mut consequences = Vec::new();
        for (watcher, number) in self.monitored.remove(&dead).unwrap_or_default() {
            if let Some(numbers) = self.monitoring.get_mut(&watcher) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.monitoring.remove(&watcher);
                }
            }
            consequences.push(Consequence::Down { watcher, number });
        }
        for other in self.links.get(&dead).cloned().unwrap_or_default() {
            self.unlink(dead, other);
            consequences.extend(at_other_end(other, reason, is_trapping(other)));
        }
        consequences
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.links.is_empty() && self.monitored.is_empty() && self.monitoring.is_empty()
    }
}

#[cfg(test)]
mod tests;
