//! Where threads run. A blocking round trip on one CPU and one across two differ by more than the
//! contestants do, so nobody is left to chance.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Result;

/// The CPUs of the two sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seats {
    pub(crate) here: usize,
    pub(crate) there: usize,
}

impl Seats {
    /// One for each; the same one where there is no other.
    pub(crate) fn apart() -> Result<Seats> {
        let allowed = sched_getaffinity(None)?;
        let mut cpus = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu));
        let here = cpus.next().ok_or("no CPU is allowed")?;
        Ok(Seats { here, there: cpus.next().unwrap_or(here) })
    }

    /// Both on one.
    pub(crate) fn together() -> Result<Seats> {
        let Seats { here, .. } = Seats::apart()?;
        Ok(Seats { here, there: here })
    }
}

/// Keeps the calling thread, and what it starts from now on, on one CPU. What runs already stays where
/// it may run.
pub(crate) fn stay_on(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}
