//! Which control group each process begins in, and what becomes of the group when it has ended.
//!
//! A group that was empty when its process had died is given to another: making one costs 27 µs, and
//! the kernel 9 KiB for as long as it is there. One in which somebody had to be killed never is, and
//! is removed once the killed are gone. Nothing here waits for that, until the end of the node.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use crate::boot::cgroup::Cgroup;

/// Empty groups that are kept for later processes.
const KEPT: usize = 64;
/// Groups of killed processes that are looked at for each death.
const LOOKS: usize = 8;

/// The control groups of the node's processes. Their numbers begin with 1; 0 is none.
#[derive(Default)]
pub(super) struct Groups {
    place: Place,
    free: BTreeSet<u32>,
    /// The highest number ever given out.
    highest: u32,
    /// In which somebody was killed who may not be gone yet.
    dying: Vec<u32>,
}

#[derive(Default)]
enum Place {
    /// Nobody has needed it.
    #[default]
    Unknown,
    /// There are no groups here, or none any more.
    None,
    Here(Cgroup),
}

impl Groups {
    /// The group of the node, which is made at the first call. `None` where there can be none.
    pub(super) fn cgroup(&mut self) -> Option<&Cgroup> {
        if matches!(self.place, Place::Unknown) {
            self.place = Cgroup::make().map_or(Place::None, Place::Here);
        }
        self.present()
    }

    fn present(&self) -> Option<&Cgroup> {
        match &self.place {
            Place::Here(cgroup) => Some(cgroup),
            Place::Unknown | Place::None => None,
        }
    }

    /// A group for a process that is to be. It need not exist yet.
    pub(super) fn take(&mut self) -> u32 {
        if self.cgroup().is_none() {
            return 0;
        }
        self.free.pop_first().unwrap_or_else(|| {
            self.highest += 1;
            self.highest
        })
    }

    /// Opens a group for the process that begins in it.
    pub(super) fn open(&self, number: u32) -> Option<OwnedFd> {
        self.present().filter(|_| number != 0)?.group(number)
    }

    /// Kills whoever is left in the group of a dead process, and takes the group back.
    pub(super) fn retire(&mut self, number: u32) {
        let Place::Here(cgroup) = &self.place else { return };
        if number == 0 {
            return;
        }
        if cgroup.kill(number) {
            self.dying.push(number);
        } else if self.free.len() < KEPT || cgroup.remove(number) {
            self.free.insert(number);
        }
        // The longest dead first; who is not gone goes to the end of the line.
        let looks = self.dying.len().min(LOOKS);
        let looked_at: Vec<u32> = self.dying.drain(..looks).collect();
        for number in looked_at {
            match cgroup.remove(number) {
                true => drop(self.free.insert(number)),
                false => self.dying.push(number),
            }
        }
    }

    /// Kills whoever is left anywhere, waits for a moment until they are gone, and removes the groups.
    pub(super) fn end(&mut self) {
        if let Place::Here(cgroup) = std::mem::replace(&mut self.place, Place::None) {
            cgroup.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let mut groups = Groups { place: Place::None, ..Groups::default() };
        assert_eq!(groups.take(), 0);
        assert!(groups.open(0).is_none() && groups.open(1).is_none());
        groups.retire(0);
        groups.end();
    }

    #[test]
    fn an_empty_group_is_given_out_again() {
        let mut groups = Groups::default();
        if groups.cgroup().is_none() {
            return eprintln!("SKIP: no control group of the second version is writable");
        }
        assert_eq!((groups.take(), groups.take()), (1, 2));
        drop(groups.open(1).unwrap());
        groups.retire(1);
        assert_eq!((groups.take(), groups.take()), (1, 3));
        groups.end();
        assert_eq!(groups.take(), 0, "after the end there are no more");
    }
}
