//! Whether the kernel has killed for lack of memory: what the node's control group tells.
//!
//! A process that is killed for memory looks like any other that got SIGKILL. The group counts such
//! kills, so a death by SIGKILL that nobody here has sent, after which the count is higher than at
//! the look before, was one. Without a group that limits memory nobody tells, and nothing is guessed.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::shm::headroom::{self, Version};

/// The count of kills for memory in the group of this process.
#[derive(Debug, Default)]
pub(super) struct MemoryKills {
    events: Option<File>,
    seen: u64,
}

impl MemoryKills {
    pub(super) fn watch() -> MemoryKills {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let events = places(&groups).into_iter().find_map(|path| File::open(path).ok());
        let mut kills = MemoryKills { events, seen: 0 };
        kills.are_more();
        kills
    }

    /// Whether there were any since the last look.
    pub(super) fn are_more(&mut self) -> bool {
        // Both files are a few short lines.
        let mut text = [0; 1024];
        let read = self.events.as_ref().and_then(|events| events.read_at(&mut text, 0).ok()).unwrap_or(0);
        let count = count_in(&String::from_utf8_lossy(&text[..read])).unwrap_or(self.seen);
        std::mem::replace(&mut self.seen, count) < count
    }
}

/// Where the count may stand, for the groups of a process as the kernel lists them.
fn places(list: &str) -> Vec<PathBuf> {
    let file = |version| match version {
        Version::One => "memory.oom_control",
        Version::Two => "memory.events",
    };
    headroom::groups(list).map(|(version, _, group)| group.join(file(version))).collect()
}

fn count_in(events: &str) -> Option<u64> {
    events.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn smoke() {
        let mut events = tempfile();
        let mut kills = MemoryKills { events: Some(events.try_clone().unwrap()), seen: 0 };
        events.write_all(b"low 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 9\n").unwrap();
        assert!(kills.are_more());
        assert!(!kills.are_more(), "each is told once");
        assert!(!MemoryKills::default().are_more());
    }

    fn tempfile() -> File {
        let memory = rustix::fs::memfd_create("events", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        File::from(memory)
    }

    #[test]
    fn both_kinds_of_groups_are_looked_for() {
        let found = places("9:name=systemd:/x\n4:memory:/a/b\n2:cpu,cpuacct:/\n0::/user.slice/c\n");
        let expected = ["/sys/fs/cgroup/memory/a/b/memory.oom_control", "/sys/fs/cgroup/user.slice/c/memory.events"];
        assert_eq!(found, expected.map(PathBuf::from));
        assert!(places("").is_empty() && places("garbage").is_empty());
        assert_eq!(count_in("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"), Some(5));
        assert_eq!(count_in("oom_kill_disable 0\n"), None);
    }
}
