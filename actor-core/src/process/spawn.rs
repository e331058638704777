//! Spawning: from a function and its arguments to a process that has begun.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::SpawnError;
use super::function::{self, Work};
use super::handle::Process;
use crate::boot::{Entry, Function};
use crate::node::{self, Answer, ProcessSpec, Request, Stderr};
use crate::time::Deadline;
use crate::wire::{self, Bytes};

/// What may differ from one process to another.
///
/// ```
/// use actor_core::process::Options;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let options = Options { name: Some("greeter".into()), ..Options::default() };
/// let greeter = options.spawn(|name: String| format!("hello {name}"), "world".into())?;
/// assert_eq!(greeter.join()?, "hello world");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What `ps`, reports and errors call it; without one it is `process-` and a number.
    pub name: Option<String>,
    /// How long it may take until it comes to the function, before it is killed.
    pub start_timeout: Duration,
    /// Where its stderr goes.
    pub stderr: Stderr,
}

impl Default for Options {
    /// A name by number, five seconds, stderr captured.
    fn default() -> Options {
        Options { name: None, start_timeout: Duration::from_secs(5), stderr: Stderr::Capture }
    }
}

/// What the node may need on top of the start timeout, to kill and to report.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

impl Options {
    /// Runs `f(args)` in a process of its own and returns when it has begun.
    ///
    /// # Errors
    /// See [`SpawnError`]; nothing of the process is left then.
    pub fn spawn<A, R>(&self, f: fn(A) -> R, args: A) -> Result<Process<R>, SpawnError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        let name = self.name.clone().unwrap_or_else(next_name);
        let spec = self.spec(name.clone(), f, args)?;
        self.start(name, spec)
    }

    /// [`spawn`](Options::spawn) of a process that is linked to this one from its beginning: no death of
    /// either comes before the link. If the process does not come to the function, that is an error here
    /// and no exit signal.
    ///
    /// # Errors
    /// See [`SpawnError`]; nothing of the process is left then.
    pub fn spawn_link<A, R>(&self, f: fn(A) -> R, args: A) -> Result<Process<R>, SpawnError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        let name = self.name.clone().unwrap_or_else(next_name);
        let spec = self.spec(name.clone(), f, args)?;
        match node::as_parent() {
            Ok(parent) => self.start(name, ProcessSpec { parent: Some(parent), ..spec }),
            Err(text) => Err(SpawnError::System { name, text }),
        }
    }

    fn start<R>(&self, name: String, spec: ProcessSpec) -> Result<Process<R>, SpawnError> {
        let deadline = Deadline::after(self.start_timeout.saturating_add(SETTLE_TIMEOUT));
        match node::ask(&Request::SpawnProcess(spec), deadline) {
            Ok(Answer::ProcessSpawned { process, pid }) => Ok(Process::new(process, pid, name)),
            Ok(Answer::NotSpawned(failure)) => Err(SpawnError::new(name, self.start_timeout, failure)),
            Ok(other) => Err(SpawnError::System { name, text: format!("the node answered {other:?}") }),
            Err(error) => Err(SpawnError::System { name, text: error.to_string() }),
        }
    }

    /// The process without its types, for the node.
    fn spec<A, R>(&self, name: String, f: fn(A) -> R, args: A) -> Result<ProcessSpec, SpawnError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize,
    {
        let places = Function::of(f).zip(Entry::of(function::enter::<A, R>));
        let Some((function, entry)) = places else { return Err(SpawnError::NotInExecutable { name }) };
        let mut bytes = Vec::new();
        match wire::encode_into(&mut bytes, &Work { function, args }) {
            Ok(()) => {}
            Err(source) => return Err(SpawnError::Encode { name, source }),
        }
        let Options { start_timeout, stderr, .. } = *self;
        Ok(ProcessSpec { name, entry, args: Bytes(bytes), start_timeout, stderr, parent: None })
    }
}

/// `process-1`, `process-2` and so on, counted in each process that spawns.
fn next_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("process-{}", COUNT.fetch_add(1, Ordering::Relaxed) + 1)
}
