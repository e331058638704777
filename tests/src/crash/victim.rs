//! [`Victim`]: a busy node in a process of its own, with processes that do not want to go.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::{BUSY, Fault, Kind};
use crate::busy;
use crate::chance::Chance;

/// The longest time from its being ready, or from its start, to its end.
const PAUSE_MAX: Duration = Duration::from_millis(10);

/// What a victim is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kindred {
    kind: &'static str,
    count: u64,
    end: &'static str,
    method: &'static str,
    is_ready: bool,
}

impl Kindred {
    /// Any kind of busy node.
    pub(super) fn any(chance: &mut Chance) -> Kindred {
        let kinds: Vec<&'static str> = busy::kinds().into_iter().chain(["all"]).collect();
        let (ends, methods) = (["wait", "forking"], ["zygote", "zygote", "exec"]);
        let of = |chance: &mut Chance, words: &[&'static str]| words[chance.below(words.len() as u64) as usize];
        Kindred {
            kind: of(chance, &kinds),
            count: 1 + chance.below(3),
            end: of(chance, &ends),
            method: of(chance, &methods),
            is_ready: !chance.once_in(4),
        }
    }

    /// One that ends by itself, in order.
    pub(super) const ORDERLY: Kindred =
        Kindred { kind: "in-c", count: 1, end: "return", method: "zygote", is_ready: true };

    /// Whether somebody guards what the node has made: before that, only the next node can find it.
    pub(super) fn is_guarded(&self) -> bool {
        self.is_ready
    }

    /// The command line that starts it.
    pub(super) fn command(&self, directory: &Path, launcher: &[&str]) -> Command {
        let program = env::current_exe().expect("this program has a path");
        let mut command = match launcher {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.args([BUSY, self.kind, &self.count.to_string(), self.end]);
        command.env("ACTOR_CORE_START_METHOD", self.method).env("TMPDIR", directory);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Lets it get as far as it is to get, and a random time more.
    ///
    /// # Errors
    /// It does not get there.
    pub(super) fn lives_until(&self, chance: &mut Chance, output: impl std::io::Read) -> Result<(), Fault> {
        if self.is_ready {
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            let is_ready = lines.any(|line| line.trim_start().starts_with("ready:"));
            Kind::Wedged.unless(is_ready, || format!("{self:?} does not get ready"))?;
        }
        chance.pause(PAUSE_MAX);
        Ok(())
    }
}

/// A node that has been started.
pub(super) struct Victim {
    pub(super) child: Child,
    /// What it writes to: who finds nobody there any more when it says that it is ready ends by itself.
    _output: ChildStdout,
}

impl Victim {
    /// Starts one and lets it get as far as it is to get.
    ///
    /// # Errors
    /// It does not get there.
    pub(super) fn start(kindred: Kindred, directory: &Path, chance: &mut Chance) -> Result<Victim, Fault> {
        let mut command = kindred.command(directory, &[]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("this program can be started");
        let mut output = child.stdout.take().expect("it was asked for");
        if let Err(fault) = kindred.lives_until(chance, &mut output) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(fault);
        }
        Ok(Victim { child, _output: output })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}
