//! Control groups of nodes, looked at from outside.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Where a node that we start makes its group: our own, in a hierarchy of the second version. `None`
/// where nobody may make one there.
pub fn place() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?.trim_start_matches('/').to_owned();
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let v2 = mounts.lines().filter(|line| line.contains(" - cgroup2 "));
    let places = v2.filter_map(|line| Some(PathBuf::from(line.split(' ').nth(4)?).join(&own)));
    let mut places = places.into_iter();
    places.find(|place| {
        let probe = place.join(format!("actor-tests-{}-{:?}", std::process::id(), std::thread::current().id()));
        let can_kill = fs::create_dir(&probe).is_ok() && probe.join("cgroup.kill").exists();
        fs::remove_dir(&probe).is_ok() && can_kill
    })
}

/// The groups of a node that there are, alive or not.
pub fn of_node(pid: u32) -> Vec<PathBuf> {
    let beginning = format!("actor-core-{pid}-");
    let entries = place().and_then(|place| fs::read_dir(place).ok()).into_iter().flatten().flatten();
    let of_it = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&beginning));
    of_it.map(|entry| entry.path()).collect()
}

/// A program in a session of its own, where signals to its process group do not reach it, and which
/// is deaf to most of them. It is a grandchild, and soon an orphan. Gives its number.
///
/// # Panics
/// The programs for that are not there.
pub fn escape() -> u32 {
    let script = "setsid sh -c 'trap \"\" HUP TERM INT; echo $$; exec sleep 1000 >&- 2>&-' &";
    let output = Command::new("sh").args(["-c", script]).output().expect("a shell can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("a number was to be written: {output:?}"))
}
