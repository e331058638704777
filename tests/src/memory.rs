//! How much memory a node and its processes have.

use std::fs;
use std::os::unix::fs::MetadataExt;

/// Bytes of the memory that all processes of this process's node share, as far as it is in use.
///
/// # Panics
/// This process has no node.
pub fn shared() -> u64 {
    let entries = fs::read_dir("/proc/self/fd").expect("/proc is mounted").flatten();
    let is_segment = |link: &std::path::PathBuf| {
        fs::read_link(link).is_ok_and(|target| target.to_string_lossy().starts_with("/memfd:actor-core"))
    };
    let link = entries.map(|entry| entry.path()).find(is_segment).expect("this process has a node");
    let blocks = fs::metadata(link).expect("the node's memory is open").blocks();
    // The unit of `stat`, whatever the file system's is.
    512 * blocks
}

/// The names of shared memory, of all that a node and what it is built on could have made. Other programs
/// on the machine have their own, which come and go.
pub fn names() -> Vec<String> {
    let entries = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("actor-core") || name.starts_with("ipc-channel")).collect()
}

/// Bytes of memory that a process has for itself alone.
///
/// # Panics
/// There is no such process.
pub fn private(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("the kernel tells");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    1024 * kib
}

/// Whether a process has mapped the memory that this process's node shares.
pub fn has_mapped_segment(pid: u32) -> bool {
    let segment = |line: &&str| line.contains("/memfd:actor-core");
    let of = |pid: &str| {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        maps.lines().find(segment).and_then(|line| line.split_whitespace().nth(4).map(str::to_owned))
    };
    // The number of the file: another node's memory has the same name.
    of(&pid.to_string()).is_some_and(|number| of("self") == Some(number))
}
