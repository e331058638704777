//! Who else is concerned when a child is restarted: the strategies, as data.
//!
//! Children stand in the order in which they were started. They are started in this order and
//! stopped in reverse, whatever the strategy.

use super::spec::{Restart, Strategy};

/// What a restart amounts to. Positions in the order of starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Children to stop first, in this order, one after the other.
    pub(crate) stop: Vec<usize>,
    /// Children to forget: temporary ones among those that are stopped.
    pub(crate) remove: Vec<usize>,
    /// Children to start then, in this order, one after the other.
    pub(crate) start: Vec<usize>,
}

/// Plans the restart of the child at `failed`, which has ended already.
pub(crate) fn plan(strategy: Strategy, children: &[Restart], failed: usize) -> Plan {
    let concerned = match strategy {
        Strategy::OneForOne => failed..failed + 1,
        Strategy::OneForAll => 0..children.len(),
        Strategy::RestForOne => failed..children.len(),
    };
    let others = concerned.clone().filter(|child| *child != failed);
    let is_removed = |child: &usize| *child != failed && children[*child] == Restart::Temporary;
    Plan {
        stop: others.rev().collect(),
        remove: concerned.clone().filter(is_removed).collect(),
        start: concerned.filter(|child| !is_removed(child)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERMANENT: [Restart; 4] = [Restart::Permanent; 4];

    fn lists(strategy: Strategy, children: &[Restart], failed: usize) -> [Vec<usize>; 3] {
        let Plan { stop, remove, start } = plan(strategy, children, failed);
        [stop, remove, start]
    }

    #[test]
    fn smoke() {
        assert_eq!(lists(Strategy::OneForOne, &PERMANENT, 2), [vec![], vec![], vec![2]]);
    }

    #[test]
    fn one_for_all_stops_the_others_in_reverse_and_starts_all_in_order() {
        for failed in 0..4 {
            let stop = (0..4).rev().filter(|child| *child != failed).collect();
            let all = vec![0, 1, 2, 3];
            assert_eq!(lists(Strategy::OneForAll, &PERMANENT, failed), [stop, vec![], all]);
        }
    }

    #[test]
    fn rest_for_one_leaves_those_before_alone() {
        let rest = |failed| lists(Strategy::RestForOne, &PERMANENT, failed);
        assert_eq!(rest(0), [vec![3, 2, 1], vec![], vec![0, 1, 2, 3]]);
        assert_eq!(rest(2), [vec![3], vec![], vec![2, 3]]);
        assert_eq!(rest(3), [vec![], vec![], vec![3]]);
    }

    #[test]
    fn t_13_temporary_siblings_are_stopped_and_forgotten() {
        let children = [Restart::Permanent, Restart::Temporary, Restart::Transient];
        let rest = lists(Strategy::RestForOne, &children, 0);
        assert_eq!(rest, [vec![2, 1], vec![1], vec![0, 2]]);
        let all = lists(Strategy::OneForAll, &children, 2);
        assert_eq!(all, [vec![1, 0], vec![1], vec![0, 2]]);
    }
}
