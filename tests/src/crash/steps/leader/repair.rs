//! The repair that the node's thread makes, instruction by instruction: gone through, or stopped in.
//!
//! It is led by a process of the node that may not set breaks: other threads of the node execute the same
//! text. A repair looks at every slot of each mailbox that the dead was attached to, so most of its
//! instructions are rounds of a few loops. None is left out for that: a [`Place`] says which round it is
//! of.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::steps::{Step, Stepped};

/// An instruction of a repair, as one word: `program or library:8 | offset in it:32 | times before:24`.
///
/// Words of the same instruction follow one another in the order in which it is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::crash::steps) struct Place(pub(in crate::crash::steps) u64);

const TIMES_BITS: u32 = 24;
const OFFSET_BITS: u32 = 32;

impl Place {
    fn first(module: usize, offset: u64) -> Option<Place> {
        let is_known = module < 1 << 8 && offset < 1 << OFFSET_BITS;
        is_known.then_some(Place((module as u64) << (OFFSET_BITS + TIMES_BITS) | offset << TIMES_BITS))
    }

    fn module(self) -> usize {
        (self.0 >> (OFFSET_BITS + TIMES_BITS)) as usize
    }

    fn offset(self) -> u64 {
        self.0 >> TIMES_BITS & ((1 << OFFSET_BITS) - 1)
    }

    /// How often the instruction was executed before.
    pub(in crate::crash::steps) fn times(self) -> u64 {
        self.0 & ((1 << TIMES_BITS) - 1)
    }
}

/// What a process executes: its program and the libraries, and where they lie.
pub(super) struct Modules {
    /// In the order of their names, which is the same wherever they lie.
    places: Vec<Range<u64>>,
}

impl Modules {
    /// # Errors
    /// There is no such process.
    pub(super) fn of(pid: u32) -> io::Result<Modules> {
        Ok(Modules::listed(&std::fs::read_to_string(format!("/proc/{pid}/maps"))?))
    }

    /// As the kernel lists what a process has mapped: `from-to rights offset device inode name`.
    fn listed(maps: &str) -> Modules {
        let mut places: BTreeMap<&str, Range<u64>> = BTreeMap::new();
        for line in maps.lines() {
            let mut fields = line.split_whitespace();
            let (Some(range), Some(rights), Some(name)) = (fields.next(), fields.next(), fields.nth(3)) else {
                continue;
            };
            let ends = range.split_once('-').map(|(begin, end)| [begin, end].map(|end| u64::from_str_radix(end, 16)));
            if let (Some([Ok(begin), Ok(end)]), true) = (ends, rights.contains('x')) {
                let place = places.entry(name).or_insert(begin..end);
                *place = place.start.min(begin)..place.end.max(end);
            }
        }
        Modules { places: places.into_values().collect() }
    }

    /// `None`: nobody has mapped a program there.
    fn place_of(&self, address: u64) -> Option<Place> {
        let module = self.places.iter().position(|place| place.contains(&address))?;
        Place::first(module, address - self.places[module].start)
    }

    fn address_of(&self, place: Place) -> Option<u64> {
        self.places.get(place.module()).map(|module| module.start + place.offset())
    }
}

/// For so long each instruction of a repair is looked at. A machine of its own needs a few seconds for the
/// longest; where others use it, the rest is left to the next repair that is gone through.
const LOOK: Duration = Duration::from_secs(10);

/// Leads the thread through the whole repair. Tells the instructions that were looked at, and how often each
/// was executed.
pub(super) fn explore(node: &Stepped, modules: &Modules) -> io::Result<Vec<[u64; 2]>> {
    begin(node)?;
    let (mut times, begun) = (HashMap::<u64, u64>::new(), Instant::now());
    while begun.elapsed() < LOOK && !is_end(node)? {
        *times.entry(node.place()?).or_default() += 1;
        step(node)?;
    }
    while !is_end(node)? {
        node.to_system_call()?;
    }
    let told = times.into_iter().map(|(address, times)| modules.place_of(address).map(|Place(first)| [first, times]));
    told.collect::<Option<Vec<_>>>().ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Leads the thread to a place. False: it does not come there, and stands at the end of the repair.
pub(super) fn lead(node: &Stepped, modules: &Modules, place: Place) -> io::Result<bool> {
    let (address, mut times) = (modules.address_of(place).ok_or(io::ErrorKind::NotFound)?, place.times());
    begin(node)?;
    node.stop_at(Some(address))?;
    let is_there = loop {
        if node.place()? == address && !node.is_in_call()? {
            if times == 0 {
                break true;
            }
            times -= 1;
            node.stop_at(None)?;
            step(node)?;
            node.stop_at(Some(address))?;
        } else if is_end(node)? {
            break false;
        } else {
            node.to_system_call()?;
        }
    };
    node.stop_at(None)?;
    Ok(is_there)
}

/// The repair begins when whoever was of the group of the dead was killed.
fn begin(node: &Stepped) -> io::Result<()> {
    loop {
        node.to_system_call()?;
        if node.call()?.is_some_and(|call| call.number == libc::SYS_kill as u64) {
            // Back from it.
            return node.to_system_call();
        }
    }
}

/// It ends when the dead is about to be reaped: nothing of his is left then.
fn is_end(node: &Stepped) -> io::Result<bool> {
    let reaps = |number: u64, flags: u64| number == libc::SYS_waitid as u64 && flags & libc::WNOWAIT as u64 == 0;
    Ok(node.call()?.is_some_and(|call| reaps(call.number, call.fourth)))
}

fn step(node: &Stepped) -> io::Result<()> {
    let mut step = node.step()?;
    while step == Step::Asleep {
        step = node.come_back()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
555500000000-555500001000 r--p 00000000 fe:00 11 /bin/crash
555500001000-555500009000 r-xp 00001000 fe:00 11 /bin/crash
7f0000000000-7f0000002000 r-xp 00000000 fe:00 12 /lib/a.so
7f0000002000-7f0000003000 rw-p 00000000 00:00 0
7ffc00000000-7ffc00002000 r-xp 00000000 00:00 0                  [vdso]
";

    #[test]
    fn smoke() {
        let modules = Modules::listed(MAPS);
        assert_eq!(modules.places.len(), 3);
        for address in [0x5555_0000_1000, 0x5555_0000_8fff, 0x7f00_0000_0010, 0x7ffc_0000_0010] {
            let place = modules.place_of(address).unwrap();
            assert_eq!((modules.address_of(place), place.times()), (Some(address), 0));
            let later = Place(place.0 + 5000);
            assert_eq!((modules.address_of(later), later.times()), (Some(address), 5000));
        }
        assert_eq!(modules.place_of(0x5555_0000_0000), None);
        assert_eq!(modules.place_of(0x7f00_0000_2000), None);
    }

    #[test]
    fn a_place_is_the_same_one_wherever_a_library_lies() {
        let moved = MAPS.replace("7f000000", "7e000000");
        let place = Modules::listed(MAPS).place_of(0x7f00_0000_0123);
        assert_eq!(Modules::listed(&moved).place_of(0x7e00_0000_0123), place);
    }
}
