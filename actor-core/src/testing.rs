//! [`Snapshot`]: does what a test did leave anything behind?
//!
//! For programs that use this crate as much as for its own tests. A test that ends without a leak
//! has ended all of its processes and what they have started, joined its threads, and given back
//! descriptors and shared memory.
//! What stays for good after first use (the node thread, the zygote, the thread for async waits and
//! the descriptors of these) does not count.
//!
//! A leak can only be told from what other tests do at the same time when there are none, so such a
//! test runs in a process of its own, for instance as the only test of its file.

#[doc(hidden)]
pub mod proof;
#[doc(hidden)]
pub mod raw;
#[doc(hidden)]
pub use crate::core::simulation;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::boot::cgroup;
use crate::id::WindowId;
use crate::process::Process;
use crate::shm::segment::attached;
use crate::shm::table;
use crate::wait;

/// What this process has at one moment: processes, threads, descriptors and shared memory.
///
/// ```
/// use actor_core::process::Process;
/// use actor_core::testing::Snapshot;
///
/// # fn main() -> actor_core::Result<()> {
/// let before = Snapshot::take();
/// let doubling = Process::spawn(|n: u32| 2 * n, 21)?;
/// assert_eq!(doubling.join()?, 42);
/// drop(doubling);
/// before.assert_no_leaks();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Snapshot {
    things: Things,
}

/// Each thing, and how many there are of it.
type Things = BTreeMap<Thing, usize>;

/// One thing that a process can have, by what makes it this one and not another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    /// A descendant, at whatever distance; a zombie has ended and was not waited for.
    Process {
        pid: u32,
        name: String,
        is_zombie: bool,
    },
    Thread {
        number: u32,
        name: String,
    },
    /// Of some file. The number says nothing: it is given out again.
    Descriptor {
        of: String,
    },
    Memory {
        index: u16,
        generation: u32,
    },
    /// A control group of a process of this node in which somebody lives. Not a descendant of ours, if
    /// that process has ended.
    Group {
        path: PathBuf,
    },
}

/// How long things may take to go away by themselves before they are leaks. The node takes some of
/// them down when it has nothing better to do.
const PATIENCE: Duration = Duration::from_secs(5);
/// From one look to the next.
const PAUSE: Duration = Duration::from_millis(2);

/// Runs `body` and then asserts that nothing of what it made is left, as [`Snapshot`] does.
///
/// # Panics
/// Something is left, or `body` panics.
pub fn assert_no_leaks<R>(body: impl FnOnce() -> R) -> R {
    let before = Snapshot::take();
    let result = body();
    before.assert_no_leaks();
    result
}

impl Snapshot {
    /// What there is now. Starts a process first, so that all that is there for good is there.
    ///
    /// # Panics
    /// No process can be started, or /proc cannot be read.
    pub fn take() -> Snapshot {
        let first = Process::spawn(|()| (), ()).expect("a process is started before the first look");
        first.join().expect("a process that does nothing ends well");
        drop(first);
        // The last traces of that process go away one after the other.
        let deadline = Instant::now() + PATIENCE;
        let mut things = things();
        loop {
            let before = std::mem::replace(&mut things, pause_and_look());
            if before == things || deadline <= Instant::now() {
                return Snapshot { things };
            }
        }
    }

    /// What there is now and was not there then.
    ///
    /// Things that are about to go away have five seconds to do so.
    pub fn leaks(&self) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let leaks = self.new_in(&pause_and_look());
            if leaks.is_empty() || deadline <= Instant::now() {
                return leaks;
            }
        }
    }

    fn new_in(&self, things: &Things) -> Vec<String> {
        let had = |thing: &Thing| self.things.get(thing).copied().unwrap_or(0);
        let new = things.iter().map(|(thing, count)| (thing, count.saturating_sub(had(thing))));
        new.filter(|(_, count)| *count > 0).map(|(thing, count)| format!("{count} x {thing}")).collect()
    }

    /// Asserts that everything is gone that was not there then.
    ///
    /// # Panics
    /// Something is left; the text names each thing.
    #[track_caller]
    pub fn assert_no_leaks(&self) {
        let leaks = self.leaks();
        assert!(leaks.is_empty(), "{} left behind:\n{}", leaks.len(), leaks.join("\n"));
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Thing::Process { pid, name, is_zombie: false } => write!(f, "process {pid} `{name}`"),
            Thing::Process { pid, name, is_zombie: true } => write!(f, "zombie {pid} `{name}`"),
            Thing::Thread { number, name } => write!(f, "thread {number} `{name}`"),
            Thing::Descriptor { of } => write!(f, "descriptor of {of}"),
            Thing::Memory { index, generation } => write!(f, "shared memory {index}.{generation}"),
            Thing::Group { path } => write!(f, "somebody in the control group {}", path.display()),
        }
    }
}

fn pause_and_look() -> Things {
    std::thread::park_timeout(PAUSE);
    things()
}

fn things() -> Things {
    let mut things = Things::new();
    let all = descendants().into_iter().chain(threads()).chain(descriptors()).chain(memory()).chain(groups());
    all.for_each(|thing| *things.entry(thing).or_default() += 1);
    things
}

/// What `stat` says of a process.
struct Stat {
    name: String,
    state: char,
    parent: u32,
}

impl Stat {
    /// `None` if the process is gone.
    fn of(pid: u32) -> Option<Stat> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // A name can contain anything, parentheses among it; what follows the last one cannot.
        let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.chars().next()?;
        Some(Stat { name: name.to_owned(), state, parent: fields.next()?.parse().ok()? })
    }
}

/// All processes below this one but its zygote, which stays for as long as this process does. There
/// is one: another, dead or not, should not be there.
fn descendants() -> Vec<Thing> {
    let all: BTreeMap<u32, Stat> =
        numbers_in(Path::new("/proc")).filter_map(|pid| Some((pid, Stat::of(pid)?))).collect();
    let own = std::process::id();
    let parent = |pid: &u32| all.get(pid).map(|stat| stat.parent);
    // The processes were not all looked at in the same moment: a chain may lead anywhere.
    let is_below = |pid: &u32| iter::successors(parent(pid), parent).take(all.len()).any(|above| above == own);
    let mut below: Vec<u32> = all.keys().copied().filter(is_below).collect();
    if let Some(zygote) = below.iter().position(|pid| parent(pid) == Some(own) && is_zygote(own, *pid)) {
        below.remove(zygote);
    }
    let process = |pid: u32| {
        let Stat { name, state, .. } = &all[&pid];
        Thing::Process { pid, name: name.clone(), is_zombie: *state == 'Z' }
    };
    below.into_iter().map(process).collect()
}

/// A zombie has no title any more.
fn is_zygote(own: u32, pid: u32) -> bool {
    let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    title.starts_with(format!("zygote of {own}").as_bytes())
}

fn threads() -> Vec<Thing> {
    let name = |number: u32| fs::read_to_string(format!("/proc/self/task/{number}/comm")).ok();
    let named = numbers_in(Path::new("/proc/self/task")).filter_map(|number| Some((number, name(number)?)));
    let named = named.map(|(number, name)| (number, name.trim_end().to_owned()));
    without_those_for_good(named.collect())
}

/// The threads for async waits, for descriptors that are waited for, and for what processes write to
/// stderr or log begin with the first of these and never end. There is one of each: a second one should
/// not be there.
fn without_those_for_good(mut threads: Vec<(u32, String)>) -> Vec<Thing> {
    for name in ["actor-wakes", "actor-fds", "actor-stderr", "actor-logs"] {
        if let Some(first) = threads.iter().position(|thread| thread.1 == name) {
            threads.remove(first);
        }
    }
    threads.into_iter().map(|(number, name)| Thing::Thread { number, name }).collect()
}

fn descriptors() -> Vec<Thing> {
    let target = |number: u32| fs::read_link(format!("/proc/self/fd/{number}")).ok();
    // The descriptor with which the folder is read is closed by the time that it is looked at.
    let numbers: Vec<u32> = numbers_in(Path::new("/proc/self/fd")).collect();
    // The one with which the thread for descriptors waits stays as the thread does.
    let stays = wait::reactor_number().map(i32::cast_unsigned);
    let targets = numbers.into_iter().filter(|number| Some(*number) != stays).filter_map(target);
    targets.map(|target| Thing::Descriptor { of: kind_of(&target.to_string_lossy()) }).collect()
}

/// The target without the number that every pipe and socket has of its own: when the zygote was
/// replaced, so were the descriptors of it.
fn kind_of(target: &str) -> String {
    match target.split_once(":[") {
        Some((kind @ ("pipe" | "socket"), _)) => kind.to_owned(),
        _ => target.to_owned(),
    }
}

fn memory() -> Vec<Thing> {
    let Some(segment) = attached() else { return Vec::new() };
    let used = table::used(segment).expect("the node's own memory can be read");
    used.into_iter().map(|WindowId { index, generation }| Thing::Memory { index, generation }).collect()
}

fn groups() -> Vec<Thing> {
    cgroup::in_use().into_iter().map(|path| Thing::Group { path }).collect()
}

fn numbers_in(folder: &Path) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let things = things();
        assert!(things.keys().any(|thing| matches!(thing, Thing::Thread { .. })));
        assert!(things.keys().any(|thing| matches!(thing, Thing::Descriptor { .. })));
    }

    #[test]
    fn what_is_new_is_named() {
        let one = Thing::Descriptor { of: kind_of("pipe:[12345]") };
        let before = Snapshot { things: Things::from([(one.clone(), 1)]) };
        assert!(before.new_in(&before.things).is_empty());
        assert_eq!(before.new_in(&Things::from([(one, 3)])), ["2 x descriptor of pipe"]);
        let thread = Thing::Thread { number: 7, name: "x".into() };
        assert_eq!(before.new_in(&Things::from([(thread, 1)])), ["1 x thread 7 `x`"]);
    }

    #[test]
    fn a_second_thread_of_a_kind_that_stays_is_seen() {
        let threads = ["actor-wakes", "x", "actor-wakes"].map(str::to_owned);
        let seen = without_those_for_good((1..).zip(threads).collect());
        let expected = [(2, "x"), (3, "actor-wakes")];
        assert_eq!(seen, expected.map(|(number, name)| Thing::Thread { number, name: name.into() }));
    }

    #[test]
    fn a_name_with_parentheses_is_read() {
        let stat = Stat::of(std::process::id()).unwrap();
        assert_eq!(stat.parent, std::os::unix::process::parent_id());
        assert!(matches!(stat.state, 'R' | 'S'));
    }
}
