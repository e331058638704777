//! [`Cgroup`]: whatever an actor has started ends with it, wherever it has gone.
//!
//! A process group loses who makes a session of its own. So where a control group of the second
//! version is writable, the node makes one for itself in the group that it is in, and one in it for
//! each of its processes:
//!
//! ```text
//! our own group ─┬─ node, zygote
//!                └─ actor-core-4711-0 ─┬─ 1   a process, and what it has started
//!                                      └─ 2   another
//! ```
//!
//! A process is born in its group. When it is dead, the node looks whether anybody is left in there and
//! kills them, before it tells of the death. When the node is gone, the zygote kills the node's group with
//! all that is in it, waits for a moment and removes the directories; at its orderly end the node does
//! so. Where no such group is writable, as in most containers and for users who are not given one, all
//! goes on without, and process groups are all there is. So it is where a single group cannot be made:
//! less is killed then, but nothing fails.
//!
//! Killing needs `cgroup.kill` (Linux 5.14). To signal the numbers that a group lists instead could
//! hit somebody who was given one of them a moment later. A group that was killed is never used again:
//! there are kernels that kill whoever is born in one (see [`vfork::is_habitable`]).
//!
//! Who dies in the middle:
//! - The node: the zygote goes on. Its replacement does not yet, between the death of the one before
//!   and its own readiness; that needs two deaths within milliseconds, and is the next case.
//! - The node and the zygote: nobody is left who knows. Both hold a lock on the directory, which the
//!   kernel then takes from them. The next node to start or end in our own group, of whatever program,
//!   finds a directory that nobody has locked, kills what is in it and removes it.
//! - A node between making its directory and locking it: as above. A directory that another node
//!   takes for abandoned in that moment, and removes, is made anew under another name.
//! - The zygote: the next one finds the directories.
//! - A process that is just being born: it is in its group as soon as it exists.
//! - Whoever removes directories: the next to do so goes on with those that are left.
//!
//! Who leaves his group by writing himself into another, for which he needs rights, is not killed.

use std::ffi::{CString, OsStr};
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::path::DecInt;

use crate::sys::{Errno, cgroup, process, vfork};

/// What directories of nodes are called, before the number of the process.
const PREFIX: &str = "actor-core-";
/// Names that are tried: dead nodes of the same number may have left some that cannot be removed.
const NAMES_MAX: u32 = 16;
/// Abandoned directories that one node takes care of.
const ABANDONED_MAX: usize = 16;
/// A node's directory, a process's, and those of nodes that were started by a process, three deep.
const DEPTH: u32 = 8;
/// How long killed processes have to be gone, so that their directories can be removed.
const DYING: Duration = Duration::from_millis(500);

/// The control group of a node, locked for as long as anybody has it.
#[derive(Debug)]
pub(crate) struct Cgroup {
    directory: OwnedFd,
    /// The name is an absolute path.
    path: CString,
}

impl Cgroup {
    /// Makes the group of this node, `None` where that cannot be.
    pub(crate) fn make() -> Option<Cgroup> {
        places().into_iter().find_map(|place| Cgroup::make_in(&place))
    }

    fn make_in(place: &Path) -> Option<Cgroup> {
        remove_abandoned(place);
        let pid = process::id().as_raw_nonzero();
        for number in 0..NAMES_MAX {
            let path = place.join(format!("{PREFIX}{pid}-{number}"));
            match cgroup::make(rustix::fs::CWD, path.as_path()) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(_) => return None,
            }
            // Somebody may have taken it for abandoned before the lock was ours, and removed it.
            if let Some(group) = Cgroup::take(&path).filter(|group| group.is_in_place()) {
                if group.is_usable() {
                    // It is set already only in a process that was a node before, in a test.
                    let _ = OWN.set(path);
                    return Some(group);
                }
                group.finish();
                return None;
            }
            // It is empty, and nobody's: who has the lock wants to remove it.
            let _ = fs::remove_dir(&path);
        }
        None
    }

    /// Opens and locks a directory, which nobody may have locked.
    fn take(path: &Path) -> Option<Cgroup> {
        let directory = cgroup::open(rustix::fs::CWD, path).ok()?;
        cgroup::lock(directory.as_fd()).ok()?;
        Some(Cgroup { directory, path: CString::new(path.as_os_str().as_bytes()).ok()? })
    }

    /// The group of our node, of which we have been given the descriptor.
    pub(super) fn inherited(directory: OwnedFd) -> Option<Cgroup> {
        let path = fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).ok()?;
        Some(Cgroup { directory, path: CString::new(path.into_os_string().into_vec()).ok()? })
    }

    /// The same group once more. Both go together.
    pub(super) fn another(&self) -> Option<Cgroup> {
        Some(Cgroup { directory: self.directory.try_clone().ok()?, path: self.path.clone() })
    }

    /// Whether the directory is still the one of this name.
    fn is_in_place(&self) -> bool {
        let there = rustix::fs::stat(self.path.as_c_str()).map(|stat| stat.st_ino);
        there.is_ok() && there == rustix::fs::fstat(&self.directory).map(|stat| stat.st_ino)
    }

    /// Whether processes can live in it, and be killed. Not in an old kernel, a strict sandbox, a group
    /// of threads, or a group of others.
    fn is_usable(&self) -> bool {
        let path = Path::new(OsStr::from_bytes(self.path.to_bytes()));
        let is_usable =
            path.join("cgroup.kill").exists() && self.group(0).is_some_and(|group| vfork::is_habitable(group.as_fd()));
        self.remove(0) && is_usable
    }

    /// To be passed to a zygote, which then shares the lock.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// The group of this number, made if there is none. `None` if there can be none.
    pub(crate) fn group(&self, number: u32) -> Option<OwnedFd> {
        let name = DecInt::new(number);
        let open = || cgroup::open(self.fd(), name.as_c_str());
        open()
            .or_else(|_| {
                cgroup::make(self.fd(), name.as_c_str())?;
                open()
            })
            .ok()
    }

    /// Kills whoever is left in a group. False: nobody was.
    pub(crate) fn kill(&self, number: u32) -> bool {
        // There is none if it could not be made.
        let is_populated = cgroup::is_populated(self.fd(), format!("{number}/cgroup.events").as_str()) == Ok(true);
        is_populated && cgroup::kill(self.fd(), format!("{number}/cgroup.kill").as_str()).is_ok()
    }

    /// Removes a group. False: somebody in it has not died yet.
    pub(crate) fn remove(&self, number: u32) -> bool {
        cgroup::remove(self.fd(), DecInt::new(number).as_c_str(), DEPTH).is_ok()
    }

    /// Kills everybody and removes the directories. Allocates nothing: a signal handler can call it.
    pub(crate) fn finish(&self) {
        let _ = cgroup::kill(self.fd(), c"cgroup.kill");
        // What cannot be removed is abandoned with our death.
        let _ = cgroup::wait_until_empty(self.fd(), DYING);
        let _ = cgroup::remove(rustix::fs::CWD, &self.path, DEPTH);
    }

    /// [`Cgroup::finish`] for the orderly end of a node, which also finds what others have abandoned.
    pub(crate) fn end(self) {
        self.finish();
        let path = PathBuf::from(OsStr::from_bytes(self.path.to_bytes()));
        path.parent().into_iter().for_each(remove_abandoned);
    }
}

/// Where the group of this process's node is, if there is one.
static OWN: OnceLock<PathBuf> = OnceLock::new();

/// The groups of this process's node in which somebody lives.
#[cfg(feature = "testing")]
pub(crate) fn in_use() -> Vec<PathBuf> {
    let groups = OWN.get().and_then(|own| fs::read_dir(own).ok()).into_iter().flatten().flatten();
    let is_populated = |path: &PathBuf| {
        let events = fs::read_to_string(path.join("cgroup.events")).unwrap_or_default();
        events.lines().any(|line| line == "populated 1")
    };
    groups.map(|entry| entry.path()).filter(is_populated).collect()
}

/// Kills and removes what nodes have left of which even the zygote was killed.
fn remove_abandoned(place: &Path) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let is_node = |name: &OsStr| name.as_bytes().starts_with(PREFIX.as_bytes());
    let found = entries.filter(|entry| is_node(&entry.file_name())).map(|entry| entry.path());
    let begin = Instant::now();
    for abandoned in found.filter_map(|path| Cgroup::take(&path)).take(ABANDONED_MAX) {
        abandoned.finish();
        if DYING <= begin.elapsed() {
            // The others are somebody else's.
            return;
        }
    }
}

/// Where groups can be made, if anywhere: our own group, under each mount of the second version.
fn places() -> Vec<PathBuf> {
    let read = |path| fs::read(path).unwrap_or_default();
    places_in(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"))
}

/// [`places`], from what the kernel says of our groups and of the mounts that we see.
fn places_in(groups: &[u8], mounts: &[u8]) -> Vec<PathBuf> {
    let mut lines = groups.split(|byte| *byte == b'\n');
    let Some(own) = lines.find_map(|line| line.strip_prefix(b"0::")) else { return Vec::new() };
    let own = Path::new(OsStr::from_bytes(own));
    let place = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ');
        let (root, mount) = (unescaped(fields.nth(3)?), unescaped(fields.next()?));
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        // Another namespace's part of the tree, or a part that we are not in, is no place for us.
        let inside = own.strip_prefix(root).ok()?;
        (kind == b"cgroup2").then(|| mount.join(inside))
    };
    mounts.split(|byte| *byte == b'\n').filter_map(place).collect()
}

/// A path of the list of mounts, in which blanks and the like are written as `\040`.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..3).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 8).ok());
        match (first, code) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsStr::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// A group for the groups of one test, `None` where there can be none; which is said.
    fn place(test: &str) -> Option<PathBuf> {
        let made = places().into_iter().find_map(|place| {
            let own = place.join(format!("test-{}-{test}", std::process::id()));
            fs::create_dir(&own).ok().map(|()| own)
        });
        if made.is_none() {
            eprintln!("SKIP: {test}: no control group of the second version is writable");
        }
        made
    }

    fn path_of(group: &Cgroup) -> PathBuf {
        PathBuf::from(OsStr::from_bytes(group.path.to_bytes()))
    }

    fn until(mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !is_so() {
            assert!(Instant::now() < deadline, "in vain");
            std::thread::yield_now();
        }
    }

    /// A program that does not end, in a group.
    fn program_in(group: &Path) -> std::process::Child {
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        fs::write(group.join("cgroup.procs"), child.id().to_string()).unwrap();
        child
    }

    #[test]
    fn smoke() {
        let Some(place) = place("smoke") else { return };
        let group = Cgroup::make_in(&place).unwrap();
        let path = path_of(&group);
        drop(group.group(1).unwrap());
        assert!(!group.kill(1), "nobody is there");
        let mut program = program_in(&path.join("1"));
        assert!(!group.remove(1), "somebody is there");
        assert!(group.kill(1));
        assert!(!program.wait().unwrap().success());
        until(|| group.remove(1));
        assert!(!path.join("1").exists());
        assert_eq!(Cgroup::inherited(group.directory.try_clone().unwrap()).unwrap().path, group.path);
        group.end();
        fs::remove_dir(&place).expect("nothing is left");
    }

    #[test]
    fn the_end_kills_everybody_at_whatever_depth() {
        let Some(place) = place("depth") else { return };
        let group = Cgroup::make_in(&place).unwrap();
        let deep = path_of(&group).join("3/actor-core-1-0/2");
        fs::create_dir_all(&deep).unwrap();
        let mut program = program_in(&deep);
        group.end();
        fs::remove_dir(&place).expect("nothing is left");
        assert!(!program.wait().unwrap().success());
    }

    #[test]
    fn only_what_is_abandoned_is_removed() {
        let Some(place) = place("abandoned") else { return };
        let group = Cgroup::make_in(&place).unwrap();
        let shared = group.another().unwrap();
        let path = path_of(&group);
        drop(group.group(1));
        let mut program = program_in(&path.join("1"));
        drop(group);
        remove_abandoned(&place);
        assert!(path.exists() && shared.is_in_place(), "a zygote has it");
        assert!(program.try_wait().unwrap().is_none());
        drop(shared);
        // A process that another test is just starting has a copy of all descriptors until its exec.
        until(|| {
            remove_abandoned(&place);
            !path.exists()
        });
        assert!(!program.wait().unwrap().success(), "what nobody guarded is killed");
        fs::remove_dir(&place).expect("nothing is left");
    }

    #[test]
    fn a_group_that_was_killed_is_not_tried_again() {
        let Some(place) = place("killed") else { return };
        let group = Cgroup::make_in(&place).unwrap();
        let one = group.group(1).unwrap();
        assert!(vfork::is_habitable(one.as_fd()));
        cgroup::kill(one.as_fd(), c"cgroup.kill").unwrap();
        // Whether this kernel minds or not: what replaces it can be lived in.
        until(|| group.remove(1));
        assert!(vfork::is_habitable(group.group(1).unwrap().as_fd()));
        group.end();
        fs::remove_dir(&place).expect("nothing is left");
    }

    #[test]
    fn our_place_is_found_where_the_kernel_says() {
        let mounts = b"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
            32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
            38 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 master:1 - cgroup2 cgroup2 rw\n\
            39 31 0:38 /a\\040b /mnt/of\\134mine ro - cgroup2 none rw\n\
            40 31 0:38 /../other /mnt/other rw - cgroup2 none rw\n";
        let found = |own: &str| {
            let groups = format!("4:memory:/x\n0::{own}\n");
            places_in(groups.as_bytes(), mounts).iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found("/c"), ["/sys/fs/cgroup/unified/c"]);
        assert_eq!(found("/a b/c"), ["/sys/fs/cgroup/unified/a b/c", "/mnt/of\\mine/c"]);
        assert_eq!(places_in(b"4:memory:/x\n", mounts), Vec::<PathBuf>::new());
        assert_eq!(places_in(b"0::/\n", b"garbage\n\n"), Vec::<PathBuf>::new());
    }

    #[test]
    fn where_no_group_can_be_made_there_is_none() {
        for place in ["/proc", "/nowhere", "/dev/null"] {
            assert!(Cgroup::make_in(Path::new(place)).is_none());
        }
        // No control group: it has nothing to kill with.
        let directory = std::env::temp_dir().join(format!("actor-core-cgroup-{}", process::id().as_raw_nonzero()));
        fs::create_dir(&directory).unwrap();
        assert!(Cgroup::make_in(&directory).is_none());
        fs::remove_dir(&directory).expect("nothing is left in it");
    }
}
