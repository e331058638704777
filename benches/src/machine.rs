//! What the figures come from: processor, kernel, memory; and how much of the last is used.

use std::fs;

use crate::Result;

/// One line about the machine, without its name.
pub(crate) fn describe() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |name: &str| info.lines().find(|line| line.starts_with(name)).and_then(|line| line.split(": ").nth(1));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    let cpus = info.lines().filter(|line| line.starts_with("processor")).count();
    let nature = match of("flags").is_some_and(|flags| flags.contains("hypervisor")) {
        true => ", in a virtual machine",
        false => "",
    };
    let memory = field("/proc/meminfo", "MemTotal:").unwrap_or(0.0) / f64::from(1 << 20);
    format!("{cpus} CPUs ({}){nature}, {memory:.0} GiB, Linux {kernel}", of("model name").unwrap_or("unknown"))
}

/// Memory that the whole machine has left, in KiB: what the kernel tells, and the pages that it keeps for
/// each CPU and counts as taken.
pub(crate) fn available_kib() -> Result<f64> {
    let zones = fs::read_to_string("/proc/zoneinfo").unwrap_or_default();
    let kept = zones.lines().filter_map(|line| line.trim().strip_prefix("count:")?.trim().parse::<f64>().ok());
    let page_kib = rustix::param::page_size() as f64 / 1024.0;
    Ok(field("/proc/meminfo", "MemAvailable:")? + kept.sum::<f64>() * page_kib)
}

/// Memory of a process that it shares with nobody, in KiB.
pub(crate) fn private_kib(pid: u32) -> Result<f64> {
    let rollup = format!("/proc/{pid}/smaps_rollup");
    Ok(field(&rollup, "Private_Dirty:")? + field(&rollup, "Private_Clean:")?)
}

/// What `count` processes take: of their own, and of the machine since `before`.
pub(crate) fn memory_of(pids: &[u32], before: f64) -> Result<[f64; 2]> {
    let machine = before - available_kib()?;
    let private: Result<Vec<f64>> = pids.iter().map(|&pid| private_kib(pid)).collect();
    let count = pids.len() as f64;
    Ok([private?.iter().sum::<f64>() / count, machine / count])
}

/// The number after `name` in a file of the kernel's.
fn field(path: &str, name: &str) -> Result<f64> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find(|line| line.starts_with(name)).ok_or_else(|| format!("{path} has no {name}"))?;
    let number = line.split_whitespace().nth(1).and_then(|number| number.parse().ok());
    number.ok_or_else(|| format!("{path}: {line}").into())
}
