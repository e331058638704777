//! [`Aftermath`]: what there is before somebody is killed, and what is too much a second after it.
//!
//! This process has to be one to which orphans come ([`adopt_orphans`]): all that a dead node has left is
//! then below it, and nothing else is, for it has no node of its own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, set_child_subreaper, waitid};

use super::signals::signal_if;
use super::{Fault, Kind};
use crate::watch::{Seen, children_of, processes, wait_for};
use crate::{groups, memory};

/// How long what a dead process leaves may take to follow it.
const FOLLOW_LIMIT: Duration = Duration::from_secs(1);

pub(super) struct Aftermath {
    directory: PathBuf,
    shared_memory: Vec<String>,
}

/// From here on orphans become children of this process.
pub(super) fn adopt_orphans() {
    let own = Pid::from_raw(std::process::id() as i32);
    set_child_subreaper(own).expect("any process may adopt orphans");
}

impl Aftermath {
    pub(super) fn before() -> Aftermath {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("crash-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = env::temp_dir().join(name);
        fs::create_dir(&directory).expect("a directory can be made");
        Aftermath { directory, shared_memory: memory::names() }
    }

    /// The place for temporary files of those who will be killed.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Looks until nothing is left, and tells how long that took. The node itself was waited for.
    ///
    /// # Errors
    /// After a second there still is something.
    pub(super) fn is_clean(&self) -> Result<Duration, Fault> {
        let begin = Instant::now();
        let is_alone = wait_for(FOLLOW_LIMIT, || {
            reap();
            children_of(std::process::id()).is_empty().then_some(())
        });
        let took = begin.elapsed();
        if is_alone.is_none() {
            let left = descendants();
            left.iter().for_each(end);
            return Err(Kind::Orphan.fault(format!("a second after the node {} live: {left:?}", left.len())));
        }
        let files: Vec<_> = fs::read_dir(&self.directory).into_iter().flatten().flatten().collect();
        Kind::Orphan.unless(files.is_empty(), || format!("temporary files: {files:?}"))?;
        let new: Vec<_> = memory::names().into_iter().filter(|name| !self.shared_memory.contains(name)).collect();
        Kind::Orphan.unless(new.is_empty(), || format!("shared memory: {new:?}"))?;
        Ok(took)
    }
}

/// Within a second there are no control groups of a node.
///
/// # Errors
/// There still are.
pub(super) fn has_no_groups(node: u32) -> Result<(), Fault> {
    let is_so = wait_for(FOLLOW_LIMIT, || groups::of_node(node).is_empty().then_some(()));
    Kind::Orphan.unless(is_so.is_some(), || format!("control groups: {:?}", groups::of_node(node)))
}

impl Drop for Aftermath {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Takes what has died. The node is waited for by who has started it, before.
fn reap() {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    while let Ok(Some(_)) = waitid(WaitId::All, options) {}
}

/// Ends all that are left below this process.
pub(super) fn end_all() {
    reap();
    descendants().iter().for_each(end);
    reap();
}

/// All processes below this one.
fn descendants() -> Vec<Seen> {
    let all = processes();
    let mut found: Vec<Seen> = Vec::new();
    let mut parents = vec![std::process::id()];
    while let Some(parent) = parents.pop() {
        let children = all.iter().filter(|seen| seen.parent == parent);
        parents.extend(children.clone().map(|seen| seen.pid));
        found.extend(children.cloned());
    }
    found
}

/// Nobody is left to the machine. Who is not our child is one once its parent is dead.
fn end(seen: &Seen) {
    let _ = wait_for(FOLLOW_LIMIT, || {
        let was_hit = signal_if(seen.pid, Signal::KILL, |now| now.name == seen.name);
        (was_hit || Seen::of(seen.pid).is_none_or(|now| now.is_zombie())).then_some(())
    });
}
