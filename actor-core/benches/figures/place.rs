//! On which CPUs the two sides of a round trip run.

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Where the caller is, and where who answers it.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    OneCpu,
    /// On a machine with one CPU: the same as the other.
    TwoCpus,
}

/// This thread may go where it could go before, once this is dropped.
pub(crate) struct Pinned(CpuSet);

impl Place {
    /// Pins this thread to the first CPU it may use, and the processes to where the place says.
    pub(crate) fn pin(self, processes: [u32; 2]) -> Pinned {
        let before = sched_getaffinity(None).expect("what this thread may use");
        let mut usable = (0..CpuSet::MAX_CPU).filter(|&cpu| before.is_set(cpu));
        let first = usable.next().expect("this runs somewhere");
        let second = usable.next().unwrap_or(first);
        let theirs = match self {
            Place::OneCpu => first,
            Place::TwoCpus => second,
        };
        for process in processes {
            let pid = Pid::from_raw(process as i32);
            sched_setaffinity(pid, &only(theirs)).expect("a process of ours");
        }
        sched_setaffinity(None, &only(first)).expect("a CPU that this thread may use");
        Pinned(before)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        sched_setaffinity(None, &self.0).expect("CPUs that this thread may use");
    }
}

fn only(cpu: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(cpu);
    set
}
