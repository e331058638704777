//! [`Way`]: the instructions that a process has executed, so that others find a place on it at once.
//!
//! A step costs a visit of the kernel, and where the machine is a virtual one a visit of its host. A stop
//! at a place costs as much as one step, however far the way there is. So a place is reached by a stop at
//! an earlier one that is rarely passed, and a few steps from there.

use std::collections::HashMap;
use std::io;

use super::{Step, Stepped};

/// The places that a process has passed, from the beginning of an operation.
#[derive(Clone, Debug, Default)]
pub struct Way {
    places: Vec<u64>,
    /// How often the place was passed before.
    visits: Vec<u32>,
    counts: HashMap<u64, u32>,
}

/// So far back a place is looked for from which to walk.
const WALK_MAX: usize = 64;

impl Way {
    /// The process is about to execute the instruction at this place.
    pub fn add(&mut self, place: u64) {
        let count = self.counts.entry(place).or_default();
        self.places.push(place);
        self.visits.push(*count);
        *count += 1;
    }

    /// Places on it.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Leads a process that has executed `from` instructions of the way past so many of them. `Made`: it
    /// has executed exactly these.
    ///
    /// # Errors
    /// It does not live any more.
    pub fn lead(&self, stepped: &Stepped, from: usize, steps: usize) -> io::Result<Step> {
        let Some(last) = self.places.len().checked_sub(1) else { return Ok(Step::Elsewhere) };
        // The place after the last one is not known, and is one step away.
        let target = steps.min(last);
        let mut made = from;
        if let Some(stop) = self.best_stop(from, target).filter(|stop| self.cost(from, *stop, target) < target - from) {
            for visit in 0..=self.visits_between(from, stop) {
                if visit != 0 && stepped.step()? != Step::Made {
                    return Ok(Step::Elsewhere);
                }
                // It may stand there already: a break would be executed one visit too late.
                if stepped.place()? != self.places[stop] {
                    match stepped.run_to(self.places[stop])? {
                        Step::Made => {}
                        other => return Ok(other),
                    }
                }
            }
            made = stop;
        }
        for _ in made..steps {
            match stepped.step()? {
                Step::Made => {}
                other => return Ok(other),
            }
        }
        Ok(Step::Made)
    }

    /// How often the kernel is visited on the way past so many instructions.
    pub fn visits_on_the_way(&self, steps: usize) -> usize {
        let target = steps.min(self.places.len().saturating_sub(1));
        self.best_stop(0, target).map_or(target, |stop| self.cost(0, stop, target).min(target))
    }

    fn best_stop(&self, from: usize, target: usize) -> Option<usize> {
        let stops = target.saturating_sub(WALK_MAX).max(from)..=target;
        stops.filter(|at| *at < self.places.len()).min_by_key(|at| self.cost(from, *at, target))
    }

    /// Visits of the kernel on the way to `target` by a stop at `at`.
    fn cost(&self, from: usize, at: usize, target: usize) -> usize {
        2 * self.visits_between(from, at) + 1 + (target - at)
    }

    /// How often the place at `at` is passed from `from` on, before that.
    fn visits_between(&self, from: usize, at: usize) -> usize {
        let place = self.places[at];
        self.visits[at] as usize - self.places[..from].iter().filter(|other| **other == place).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut way = Way::default();
        [5, 6, 7, 6, 7, 8].into_iter().for_each(|place| way.add(place));
        assert_eq!((way.len(), way.is_empty()), (6, false));
        assert_eq!(way.visits, [0, 0, 0, 1, 1, 0]);
        assert_eq!(way.visits_between(0, 4), 1);
        assert_eq!(way.visits_between(3, 4), 0);
        assert!(way.cost(0, 5, 5) < way.cost(0, 4, 5));
    }
}
