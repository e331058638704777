//! CPython's `multiprocessing`, by a script that stands in this package.

use std::process::Command;

use crate::Result;
use crate::call::SIZE;
use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place};

pub(crate) const QUEUE: Python = Python { who: "python Queue", kind: "Queue", takes: carries };
pub(crate) const SIMPLE_QUEUE: Python = Python { who: "python SimpleQueue", kind: "SimpleQueue", takes: carries };
/// An end of it cannot be used by several.
pub(crate) const PIPE: Python =
    Python { who: "python Pipe", kind: "Pipe", takes: |case| carries(case) && case != Case::Oneway64From4 };
pub(crate) const POOL: Python = Python { who: "python Pool.apply", kind: "Pool", takes: Case::is_call };
pub(crate) const POOL_MAP: Python = Python { who: "python Pool.map", kind: "Pool", takes: maps };
pub(crate) const POOL_MAP_ONE: Python = Python { who: "python Pool.map, chunksize=1", kind: "Pool-1", takes: maps };
pub(crate) const EXECUTOR_MAP: Python =
    Python { who: "python ProcessPoolExecutor.map", kind: "ProcessPoolExecutor", takes: maps };
pub(crate) const FORK: Python = Python { who: "python Process, fork", kind: "fork", takes: lives };
pub(crate) const FORKSERVER: Python = Python { who: "python Process, forkserver", kind: "forkserver", takes: lives };
pub(crate) const SPAWN: Python = Python { who: "python Process, spawn", kind: "spawn", takes: lives };

/// One of its means.
pub(crate) struct Python {
    who: &'static str,
    /// What the script calls it.
    kind: &'static str,
    takes: fn(Case) -> bool,
}

/// The script is found where this package was built.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/peers.py");

impl Contestant for Python {
    fn who(&self) -> &'static str {
        self.who
    }

    fn place(&self) -> Place {
        Place::Across
    }

    fn takes(&self, case: Case) -> bool {
        (self.takes)(case)
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        if !is_there() {
            return Ok(Outcome::Skipped("python3 is not here".to_owned()));
        }
        let output = Command::new("python3")
            .args([SCRIPT, case.id(), self.kind])
            .args(amounts(case, effort).map(|amount| amount.to_string()))
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(Outcome::Figures(serde_json::from_slice(&output.stdout)?))
    }
}

fn carries(case: Case) -> bool {
    case.flow().is_some() || case.is_call() || case == Case::Cast64
}

fn lives(case: Case) -> bool {
    matches!(case, Case::SpawnReady | Case::Spawn1000 | Case::KillToNextMessage | Case::IdleMemory)
}

fn maps(case: Case) -> bool {
    case == Case::PoolMap
}

fn is_there() -> bool {
    Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Bytes of a message, how many send them, and how many there are of what is counted.
fn amounts(case: Case, effort: Effort) -> [usize; 3] {
    if let Some(flow) = case.flow() {
        let pace = if flow.size > 4096 { 1e9 / flow.size as f64 } else { 3e5 };
        return [flow.size, flow.producers, effort.messages(flow, pace)];
    }
    match case {
        Case::Cast64 => [SIZE, 1, effort.casts(3e5)],
        Case::CallHot => [SIZE, 1, effort.pick(1000, 20)],
        Case::CallCold => [SIZE, 1, effort.calls(case)],
        // A part of a thousand, whose time is multiplied: the whole takes half a minute.
        Case::Spawn1000 => [SIZE, 1, effort.pick(50, 5)],
        Case::IdleMemory => [SIZE, 1, effort.pick(20, 2)],
        Case::PoolMap => [64, 2, effort.pick(5, 1)],
        _ => [SIZE, 1, effort.pick(15, 2)],
    }
}
