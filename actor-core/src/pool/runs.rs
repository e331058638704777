//! [`Runs`]: a set of numbers that mostly follow on each other, as ranges without a gap.
//!
//! For the items of a task whose results are here: they come in runs, some of them twice and some only in
//! part twice, when a worker has died just after it had finished an item and another has done that again.

use std::ops::Range;

/// See the module. Sorted, none of them empty, and none touches another.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<Range<u32>>);

impl Runs {
    /// Puts all of these in.
    pub(super) fn add(&mut self, new: Range<u32>) {
        if new.is_empty() {
            return;
        }
        let start = self.0.partition_point(|run| run.end < new.start);
        let end = self.0.partition_point(|run| run.start <= new.end);
        let touched = &self.0[start..end];
        let from = touched.first().map_or(new.start, |run| run.start.min(new.start));
        let to = touched.last().map_or(new.end, |run| run.end.max(new.end));
        self.0.splice(start..end, std::iter::once(from..to));
    }

    /// Those of these that are not in it.
    pub(super) fn missing_in(&self, range: Range<u32>) -> Vec<Range<u32>> {
        let mut missing = Vec::new();
        let mut at = range.start;
        let first = self.0.partition_point(|run| run.end <= range.start);
        for run in self.0[first..].iter().take_while(|run| run.start < range.end) {
            missing.push(at..run.start);
            at = run.end;
        }
        missing.push(at..range.end);
        missing.retain(|run| !run.is_empty());
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut runs = Runs::default();
        [4..6, 10..12, 6..7, 3..3].into_iter().for_each(|run| runs.add(run));
        assert_eq!(runs.0, [4..7, 10..12]);
        assert_eq!(runs.missing_in(0..20), [0..4, 7..10, 12..20]);
        assert!(runs.missing_in(5..11).into_iter().eq(std::iter::once(7..10)));
        assert!(runs.missing_in(10..12).is_empty() && runs.missing_in(8..8).is_empty());
        runs.add(5..11);
        assert!(runs.0.into_iter().eq(std::iter::once(4..12)));
    }

    /// Beside a list of all numbers.
    #[test]
    fn any_runs_in_any_order() {
        let mut state = 1_u32;
        let mut below = |max: u32| {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            (state >> 16) % max
        };
        for _ in 0..200 {
            let (mut runs, mut list) = (Runs::default(), [false; 40]);
            for _ in 0..12 {
                let (start, length) = (below(36), below(5));
                let missing: Vec<u32> = runs.missing_in(start..start + length).into_iter().flatten().collect();
                let expected: Vec<u32> = (start..start + length).filter(|number| !list[*number as usize]).collect();
                assert_eq!(missing, expected, "{runs:?}");
                runs.add(start..start + length);
                (start..start + length).for_each(|number| list[number as usize] = true);
            }
            assert!(runs.0.windows(2).all(|pair| pair[0].end < pair[1].start), "{runs:?}");
        }
    }
}
