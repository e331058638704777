//! How much memory a control group has left: asked before memory is put behind a part of the segment.
//!
//! The kernel does not refuse memory at the limit of a group, it kills somebody in it. So whoever is
//! about to take memory where a group limits it looks first, and refuses himself. Something is left
//! over, since others take memory at the same moment, and what is private needs some as well. Where
//! no group has a limit, nothing is read after the first look.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where the groups are.
const ROOT: &str = "/sys/fs/cgroup";
/// This part of a limit is left over, up to [`SPARED_MAX`].
const SPARED_PART: u64 = 16;
const SPARED_MAX: u64 = 64 << 20;
/// A limit from here on is none: the older version has no other word for that.
const ENDLESS: u64 = 1 << 60;

/// The files of one version of control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// A hierarchy for memory alone.
    One,
    /// One hierarchy for everything.
    Two,
}

impl Version {
    const fn limit(self) -> &'static str {
        match self {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        }
    }

    const fn usage(self) -> &'static str {
        match self {
            Version::One => "memory.usage_in_bytes",
            Version::Two => "memory.current",
        }
    }

    /// What of the usage the kernel takes back when it needs to: pages of files.
    const fn reclaimable(self) -> [&'static str; 2] {
        match self {
            Version::One => ["total_inactive_file", "total_active_file"],
            Version::Two => ["inactive_file", "active_file"],
        }
    }
}

/// The groups that may count or limit the memory of a process, from its `cgroup` file below /proc:
/// version, the root of the hierarchy, and the group in it.
pub(crate) fn groups(list: &str) -> impl Iterator<Item = (Version, PathBuf, PathBuf)> + '_ {
    list.lines().filter_map(|line| {
        let (_number, rest) = line.split_once(':')?;
        let (controllers, group) = rest.split_once(':')?;
        let (version, root) = match controllers {
            "" => (Version::Two, PathBuf::from(ROOT)),
            "memory" => (Version::One, Path::new(ROOT).join("memory")),
            _ => return None,
        };
        let group = root.join(group.trim_start_matches('/'));
        Some((version, root, group))
    })
}

/// Refuses to take `length` bytes that a group has no room for.
///
/// # Errors
/// There is none.
pub(super) fn ask(length: u64) -> io::Result<()> {
    static LIMITED: OnceLock<Vec<Limited>> = OnceLock::new();
    let groups = LIMITED.get_or_init(|| limited(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default()));
    match groups.iter().all(|group| group.has_room(length)) {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::OutOfMemory, "the control group has no memory left")),
    }
}

/// The groups of a process, and those around them, that have a limit.
fn limited(list: &str) -> Vec<Limited> {
    let levels = groups(list).flat_map(|(version, root, group)| {
        let levels = group.ancestors().map(Path::to_owned).collect::<Vec<_>>();
        levels.into_iter().filter(move |level| level.starts_with(&root)).map(move |place| Limited { version, place })
    });
    levels.filter(|group| group.limit().is_some()).collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Limited {
    version: Version,
    place: PathBuf,
}

impl Limited {
    fn limit(&self) -> Option<u64> {
        self.number(self.version.limit()).filter(|limit| *limit < ENDLESS)
    }

    /// What cannot be read has room: then the kernel decides.
    fn has_room(&self, length: u64) -> bool {
        let (Some(limit), Some(usage)) = (self.limit(), self.number(self.version.usage())) else { return true };
        let most = limit - (limit / SPARED_PART).min(SPARED_MAX);
        let fits = |usage: u64| usage.saturating_add(length) <= most;
        fits(usage) || fits(usage.saturating_sub(self.reclaimable()))
    }

    fn reclaimable(&self) -> u64 {
        let text = fs::read_to_string(self.place.join("memory.stat")).unwrap_or_default();
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
        self.version.reclaimable().into_iter().filter_map(value).sum()
    }

    fn number(&self, file: &str) -> Option<u64> {
        fs::read_to_string(self.place.join(file)).ok()?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let list = "9:name=systemd:/x\n4:memory:/a/b\n2:cpu,cpuacct:/\n0::/user.slice/c\n";
        let found: Vec<_> = groups(list).map(|(version, _, group)| (version, group)).collect();
        let group = |path: &str| Path::new(ROOT).join(path);
        assert_eq!(found, [(Version::One, group("memory/a/b")), (Version::Two, group("user.slice/c"))]);
        assert_eq!(groups("garbage\n").count(), 0);
        assert!(ask(1).is_ok(), "a byte is there");
        assert_eq!(
            limited("0::/no/such/group/anywhere\n").iter().filter(|it| it.place.ends_with("anywhere")).count(),
            0
        );
    }

    #[test]
    fn pages_of_files_are_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let group = Limited { version: Version::Two, place: folder.path().to_owned() };
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        assert!(group.has_room(u64::MAX), "no limit is known");
        write("memory.max", "max\n");
        write("memory.current", "1000\n");
        assert_eq!(group.limit(), None);
        write("memory.max", "1600\n");
        assert!(group.has_room(500) && !group.has_room(501), "a sixteenth is left over");
        write("memory.stat", "anon 1\ninactive_file 300\nactive_file 100\nactive_file_other 9\n");
        assert!(group.has_room(900) && !group.has_room(901));
        write("memory.max", &format!("{}\n", 1u64 << 62));
        assert_eq!(group.limit(), None);
    }
}
