//! Spawning: from a function and its arguments to a process that has begun.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::SpawnError;
use super::function::{self, Work};
use super::handle::Process;
use crate::boot::{Entry, Function, StartMethod};
use crate::id::ProcessId;
use crate::node::{self, Answer, ProcessSpec, Request, Stderr};
use crate::time::Deadline;
use crate::wire::{self, Bytes, travel};

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
    /// How it is started; without one as [the node](crate::node::set_start_method) says.
    #[doc(alias("get_context", "mp_context"))]
    pub start_method: Option<StartMethod>,
    /// Whether the end of the program does not wait for it: a daemon gets SIGTERM then, at once; any other
    /// process has 5 s to end of itself first, or what was [set](crate::node::set_join_timeout). See
    /// [`main`](macro@crate::main#how-a-program-ends).
    #[doc(alias = "daemonic")]
    pub daemon: bool,
}

impl Default for Options {
    /// A name by number, five seconds, stderr captured, started as all are, no daemon.
    fn default() -> Options {
        Options {
            name: None,
            start_timeout: Duration::from_secs(5),
            stderr: Stderr::Capture,
            start_method: None,
            daemon: false,
        }
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
        self.start(name, f, args, None)
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
        match node::as_parent() {
            Ok(parent) => self.start(name, f, args, Some(parent)),
            Err(text) => Err(SpawnError::System { name, text }),
        }
    }

    fn start<A, R>(
        &self,
        name: String,
        f: fn(A) -> R,
        args: A,
        parent: Option<ProcessId>,
    ) -> Result<Process<R>, SpawnError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize,
    {
        // Kept until the process has begun: handles of which there is one only are here until then.
        let work = self.work(&name, f, args)?;
        let (spec, travellers) = travel::collect(|| self.spec(name.clone(), &work, parent))?;
        let deadline = Deadline::after(self.start_timeout.saturating_add(SETTLE_TIMEOUT));
        match node::ask(&Request::SpawnProcess(spec), deadline) {
            Ok(Answer::ProcessSpawned { process, pid }) => {
                travellers.let_go();
                Ok(Process::new(process, pid, name))
            }
            Ok(Answer::NotSpawned(failure)) => Err(SpawnError::new(name, self.start_timeout, failure)),
            Ok(other) => Err(SpawnError::System { name, text: format!("the node answered {other:?}") }),
            Err(error) => Err(SpawnError::System { name, text: error.to_string() }),
        }
    }

    fn work<A, R>(&self, name: &str, f: fn(A) -> R, args: A) -> Result<Work<A, R>, SpawnError> {
        match Function::of(f) {
            Some(function) => Ok(Work { function, args }),
            None => Err(SpawnError::NotInExecutable { name: name.to_owned() }),
        }
    }

    /// The process without its types, for the node.
    fn spec<A, R>(&self, name: String, work: &Work<A, R>, parent: Option<ProcessId>) -> Result<ProcessSpec, SpawnError>
    where
        A: Serialize + DeserializeOwned,
        R: Serialize,
    {
        let Some(entry) = Entry::of(function::enter::<A, R>) else { return Err(SpawnError::NotInExecutable { name }) };
        let mut bytes = Vec::new();
        match wire::encode_into(&mut bytes, work) {
            Ok(()) => {}
            Err(source) => return Err(SpawnError::Encode { name, source }),
        }
        let Options { start_timeout, stderr, start_method, daemon, .. } = *self;
        Ok(ProcessSpec { name, entry, args: Bytes(bytes), start_timeout, stderr, start_method, parent, daemon })
    }
}

/// `process-1`, `process-2` and so on, counted in each process that spawns.
fn next_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("process-{}", COUNT.fetch_add(1, Ordering::Relaxed) + 1)
}
