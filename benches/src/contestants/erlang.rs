//! Erlang: processes within one virtual machine, by a script that stands in this package.

use std::process::Command;

use crate::Result;
use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place};

pub(crate) struct Erlang;

/// The script is found where this package was built.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/erlang/peers.escript");

impl Contestant for Erlang {
    fn who(&self) -> &'static str {
        "erlang"
    }

    fn place(&self) -> Place {
        Place::Inside
    }

    fn takes(&self, case: Case) -> bool {
        matches!(
            case,
            Case::Cast64
                | Case::CallHot
                | Case::SpawnReady
                | Case::Spawn1000
                | Case::KillToNextMessage
                | Case::IdleMemory
        )
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        if Command::new("escript").arg("-h").output().is_err() {
            return Ok(Outcome::Skipped("escript is not here".to_owned()));
        }
        let count = match case {
            Case::Cast64 => effort.casts(4e6),
            Case::CallHot => effort.calls(case),
            Case::Spawn1000 | Case::IdleMemory => 1000,
            _ => effort.pick(2000, 20),
        };
        let output = Command::new("escript").args([SCRIPT, case.id(), &count.to_string()]).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stdout).into());
        }
        Ok(Outcome::Figures(serde_json::from_slice(&output.stdout)?))
    }
}
