//! [`Schedule`]: a supervisor in a made-up world in which everything goes wrong, and what is left of such
//! a history when all that does not matter is taken out.
//!
//! A schedule is a list of numbers, and each number is something that happens: a process comes up late,
//! crashes, cannot be forked, its end is told late, or only when somebody looks for it, or twice; the
//! clock jumps. Any list of numbers is a history, so any part of a failing one can be tried without the
//! rest: that is how [`Schedule::shrunk`] makes it short. The seed alone repeats it.
//!
//! Nothing here knows how supervision is done. What it should do is told by `oracle.rs`.

mod oracle;
mod rules;
mod world;

use world::World;

/// What happens in one made-up world, in order; the same for the same seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    seed: u64,
    steps: Vec<u32>,
}

/// What has happened in a world in which everything was as it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Things that were told to the supervision.
    pub events: u64,
    /// Lives that were begun.
    pub starts: u64,
    /// Lives that could not be begun.
    pub failed_forks: u64,
    /// Ends that were told later than they were.
    pub late: u64,
    /// Of those, ends that were told when the supervision wanted something of the dead.
    pub lost: u64,
    /// Ends and other news that were told twice.
    pub doubled: u64,
    /// Jumps of the clock.
    pub jumps: u64,
}

impl std::ops::AddAssign for Passed {
    fn add_assign(&mut self, other: Passed) {
        self.events += other.events;
        self.starts += other.starts;
        self.failed_forks += other.failed_forks;
        self.late += other.late;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.jumps += other.jumps;
    }
}

/// The longest schedule of a seed.
const STEPS_MAX: usize = 200;

impl Schedule {
    /// The schedule of a seed.
    pub fn new(seed: u64) -> Schedule {
        let mut random = Random::new(seed);
        let length = random.below(STEPS_MAX + 1);
        Schedule { seed, steps: (0..length).map(|_| random.word()).collect() }
    }

    /// Lets it happen.
    ///
    /// # Errors
    /// A promise is not kept: which one, and of whom.
    pub fn run(&self) -> Result<Passed, String> {
        self.live(World::new(self.seed)?)
    }

    /// What happens and what the supervision answers, a line each, up to the end or to what is wrong.
    pub fn history(&self) -> Vec<String> {
        let history = std::rc::Rc::default();
        // A panic of the supervision is the last line.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            World::recorded(self.seed, std::rc::Rc::clone(&history)).and_then(|world| self.live(world))
        }));
        history.take()
    }

    fn live(&self, mut world: World) -> Result<Passed, String> {
        for word in &self.steps {
            world.step(*word)?;
        }
        world.end()
    }

    /// A part of it that still fails, and from which nothing can be taken without its not failing.
    #[must_use]
    pub fn shrunk(self, fails: impl Fn(&Schedule) -> bool) -> Schedule {
        let mut best = self;
        let mut piece = best.steps.len().next_power_of_two();
        while piece > 0 {
            let mut at = 0;
            let before = best.steps.len();
            while at < best.steps.len() {
                let mut shorter = best.clone();
                shorter.steps.drain(at..(at + piece).min(best.steps.len()));
                if fails(&shorter) {
                    best = shorter;
                } else {
                    at += piece;
                }
            }
            // Once more with single steps for as long as that helps.
            piece = if piece == 1 && best.steps.len() < before { 1 } else { piece / 2 };
        }
        best
    }
}

/// A small generator, so that a seed means the same everywhere (xorshift64).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn word(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }

    fn below(&mut self, limit: usize) -> usize {
        self.word() as usize % limit
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: u64 = 3000;

    #[test]
    fn every_promise_holds_under_random_schedules() {
        let mut passed = Passed::default();
        for seed in 0..SEEDS {
            let schedule = Schedule::new(seed);
            passed += schedule.run().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        }
        let Passed { events, starts, failed_forks, late, lost, doubled, jumps } = passed;
        for count in [events, starts, failed_forks, late, lost, doubled, jumps] {
            assert!(count > SEEDS / 10, "too little has gone wrong: {passed:?}");
        }
    }

    #[test]
    fn a_seed_repeats_itself() {
        // Not the one with the most steps: its world may have ended before most of them.
        let eventful = (0..100).map(Schedule::new).max_by_key(|schedule| schedule.history().len()).unwrap();
        let again = Schedule::new(eventful.seed);
        let lines = eventful.history().len();
        assert_eq!((eventful.run(), lines), (again.run(), again.history().len()));
        assert!(lines > 100);
    }

    #[test]
    fn a_failing_schedule_is_shrunk_to_what_fails() {
        let long = (0..100).map(Schedule::new).max_by_key(|schedule| schedule.steps.len()).unwrap();
        let wanted = [long.steps[17], long.steps[60], long.steps[61]];
        let has_all = |schedule: &Schedule| {
            let mut rest = schedule.steps.iter();
            wanted.iter().all(|word| rest.any(|other| other == word))
        };
        assert_eq!(long.shrunk(has_all).steps, wanted);
    }
}
