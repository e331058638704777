//! [`Worker`]: another process that runs this program, for those who bring no processes of their own.
//!
//! It says one word when it is ready, waits for one before it begins, and ends with whoever has
//! started it.

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::Result;
use crate::contestant::Contestant;
use crate::contestants;

/// The first argument of a worker.
pub(crate) const WORK: &str = "--work";

/// How long one that is no longer needed may take to end.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// The other process, seen from the one that has started it.
pub(crate) struct Worker {
    child: Child,
    output: BufReader<ChildStdout>,
    word: Option<PipeWriter>,
    /// Open until it has opened it as well.
    _word_for_it: PipeReader,
}

/// What a worker is to do, seen from itself.
pub(crate) struct Part {
    pub(crate) args: Vec<String>,
    word: File,
}

impl Worker {
    /// Starts one that runs [`Contestant::work`] with these arguments.
    pub(crate) fn start(who: &dyn Contestant, stdin: Stdio, args: &[String]) -> Result<Worker> {
        let (word_for_it, word) = pipe()?;
        let place = format!("/proc/{}/fd/{}", std::process::id(), word_for_it.as_raw_fd());
        let mut command = Command::new("/proc/self/exe");
        command.args([WORK, who.who(), &place]).args(args).stdin(stdin).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or("it has an output")?);
        Ok(Worker { child, output, word: Some(word), _word_for_it: word_for_it })
    }

    /// Waits until it has called [`Part::ready`].
    pub(crate) fn wait_ready(&mut self) -> Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line == "ready\n" { Ok(()) } else { Err(format!("a worker said {line:?}").into()) }
    }

    /// Has it begin.
    pub(crate) fn go(&mut self) -> Result<()> {
        let word = self.word.as_mut().ok_or("it has its word")?;
        Ok(word.write_all(b"g")?)
    }
}

impl Drop for Worker {
    /// It ends by itself, so that it can clear away what it has made, or is killed.
    fn drop(&mut self) {
        self.word = None;
        let begin = Instant::now();
        while let Ok(None) = self.child.try_wait() {
            if begin.elapsed() > END_PATIENCE {
                // It has ended meanwhile, or it ends now.
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
            std::thread::yield_now();
        }
    }
}

impl Part {
    /// The argument of that number, as what is needed.
    pub(crate) fn arg<T: std::str::FromStr>(&self, number: usize) -> Result<T> {
        let arg = self.args.get(number).and_then(|arg| arg.parse().ok());
        arg.ok_or_else(|| format!("argument {number} of a worker is missing or strange").into())
    }

    /// Tells that everything is prepared.
    pub(crate) fn ready(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(b"ready\n")?;
        Ok(out.flush()?)
    }

    pub(crate) fn wait_go(&mut self) -> Result<()> {
        Ok(self.word.read_exact(&mut [0])?)
    }

    /// Waits until the other side needs this process no longer.
    pub(crate) fn wait_end(mut self) -> Result<()> {
        self.word.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

/// What the process does that was started by [`Worker::start`].
pub(crate) fn work(args: &[String]) -> Result<()> {
    let [who, place, args @ ..] = args else { return Err("a worker needs arguments".into()) };
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Fails if the other side is already gone.
    let word = File::open(place)?;
    contestants::find(who)?.work(Part { args: args.to_vec(), word })
}
