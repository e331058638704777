//! Looking at processes from outside, through /proc, and waiting until something can be seen.
//!
//! A wait here is for a fact that can be observed, with a limit; never for a time to pass.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// By how much the machine is slower than a test expects: `TEST_SLOW`, 1 without it.
pub fn slow() -> u32 {
    std::env::var("TEST_SLOW").ok().and_then(|text| text.parse().ok()).unwrap_or(1).max(1)
}

/// A bound on time, for this machine.
pub fn bound(time: Duration) -> Duration {
    time * slow()
}

/// From one look to the next.
const PAUSE: Duration = Duration::from_millis(1);
/// What is longer from one look to the next was a pause of everybody: a virtual machine that stood still.
const STANDSTILL: Duration = Duration::from_millis(200);

/// Looks again and again until there is something to see, for at most so long. A standstill of the machine
/// counts for little: right after it, whoever is waited for has not been able to do anything.
pub fn wait_for<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let (mut left, mut last) = (bound(limit), Instant::now());
    loop {
        let seen = look();
        if seen.is_some() || left.is_zero() {
            return seen;
        }
        let now = Instant::now();
        left = left.saturating_sub((now - last).min(STANDSTILL));
        last = now;
        thread::park_timeout(PAUSE);
    }
}

/// Looks again and again until it is so.
///
/// # Panics
/// It is not so within ten seconds.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let seen = wait_for(Duration::from_secs(10), || is_so().then_some(()));
    assert!(seen.is_some(), "in vain waited until {what}");
}

/// What /proc says of a process.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its number.
    pub pid: u32,
    /// Its name in `ps`, of at most 15 bytes.
    pub name: String,
    /// As in `ps`: `R`, `S`, `T` for stopped, `Z` for a zombie, `X` for one that is just being waited for.
    pub state: char,
    /// The number of its parent.
    pub parent: u32,
    /// Its command line, which shows the title of a process of ours.
    pub title: String,
}

impl Seen {
    /// `None`: there is no process with this number.
    pub fn of(pid: u32) -> Option<Seen> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // A name can contain anything, parentheses among it; what follows the last one cannot.
        let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let title = String::from_utf8_lossy(&title).replace('\0', " ").trim_end().to_owned();
        Some(Seen { pid, name: name.to_owned(), state, parent, title })
    }

    /// Whether it is dead, and there only until somebody has waited for it.
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// All processes of the machine.
pub fn processes() -> Vec<Seen> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted");
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter_map(Seen::of).collect()
}

/// The processes whose parent is this one.
pub fn children_of(pid: u32) -> Vec<Seen> {
    processes().into_iter().filter(|seen| seen.parent == pid).collect()
}

/// The zygote of a node.
pub fn zygote_of(node: u32) -> Option<Seen> {
    let title = format!("zygote of {node}");
    children_of(node).into_iter().find(|seen| !seen.is_zombie() && seen.title == title)
}

/// The threads of a process and their names; none if there is no such process.
pub fn threads(pid: u32) -> Vec<(u32, String)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let named =
        |path: &Path| Some((path.file_name()?.to_str()?.parse().ok()?, fs::read_to_string(path.join("comm")).ok()?));
    tasks.filter_map(|task| named(&task.path())).map(|(thread, name)| (thread, name.trim_end().to_owned())).collect()
}

/// The thread of a node that serves its processes. `None`: this is no node, or not yet.
pub fn node_thread(pid: u32) -> Option<u32> {
    threads(pid).into_iter().find(|(_, name)| name == "actor-node").map(|(thread, _)| thread)
}

/// Whether all threads of a process are in this state. False as well: it has ended.
pub fn all_have_state(pid: u32, state: char) -> bool {
    let threads = threads(pid);
    !threads.is_empty() && threads.into_iter().all(|(thread, _)| has_state(pid, thread, state))
}

/// Whether a thread is in this state, as in `ps`. False: it is in another one, or gone.
pub fn has_state(pid: u32, thread: u32, state: char) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/stat")).unwrap_or_default();
    text.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(state))
}

/// Whether a process lives. A zombie does not.
pub fn is_alive(pid: u32) -> bool {
    Seen::of(pid).is_some_and(|seen| !seen.is_zombie())
}

/// The living processes that were started with this variable in their environment, or by one that
/// was.
pub fn marked(name: &str, value: &str) -> Vec<Seen> {
    let wanted = format!("{name}={value}");
    let is_marked = |seen: &Seen| {
        let environment = fs::read(format!("/proc/{}/environ", seen.pid)).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    };
    processes().into_iter().filter(|seen| !seen.is_zombie() && is_marked(seen)).collect()
}
