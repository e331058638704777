//! [`ExitReason`]: the closed list of ways in which a process can end.
//!
//! Every error, supervision decision and log line about an end speaks in these terms, and in no
//! others. What evidence leads to which reason stands in `classify.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::Peer;

/// Why a process is no more.
///
/// `Normal`, `Shutdown` and `DoNotRestart` need a record that the process wrote itself, so code
/// that merely calls `exit(0)` is not taken for an orderly end.
///
/// ```
/// use actor_core::{ExitReason, KilledBy};
///
/// let reason = ExitReason::Signaled { signal: 11, core: false };
/// assert_eq!(reason.to_string(), "died of signal 11 (SIGSEGV)");
/// assert!(!reason.is_normal());
/// assert!(!ExitReason::Killed { by: KilledBy::User }.is_normal());
/// assert!(ExitReason::Normal.is_normal());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExitReason {
    /// It said that it was done.
    Normal,
    /// It was asked to stop and said that it did, perhaps with a word why.
    Shutdown(Option<String>),
    /// `init` or a handler returned an error that ends the actor, or a plain process returned `Err`.
    /// With the text of the error, the first 1 024 bytes of it.
    Failed(String),
    /// It panicked, whether panics unwind or abort.
    Panicked {
        /// What the panic said, the first 1 024 bytes of it.
        message: String,
        /// Where, as `file:line:column`; empty when unknown.
        location: String,
    },
    /// It died of a signal that did not come from us as a kill.
    Signaled {
        /// The signal's number.
        signal: i32,
        /// Whether it left a core dump.
        core: bool,
    },
    /// We sent it SIGKILL.
    Killed {
        /// On whose behalf.
        by: KilledBy,
    },
    /// The kernel killed it because memory ran out.
    OomKilled,
    /// It exited with this code, not 0, and left no record.
    ExitCode(i32),
    /// It exited with code 0 and left no record: some code in it called `exit(0)`.
    UnexpectedExit,
    /// It says that starting it again cannot help.
    DoNotRestart(String),
    /// It was not alive when it was looked up.
    NoProc,
    /// It is dead for certain, but somebody else took its exit status.
    Lost,
}

/// On whose behalf a process was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KilledBy {
    /// Somebody called `kill`.
    User,
    /// It had not stopped when its shutdown time was over.
    ShutdownTimeout,
    /// It was not up when its start time was over.
    StartTimeout,
    /// A call with `kill_after` overran.
    KillAfter,
    /// It gave no sign of life.
    Hung,
    /// It went over a limit.
    Limit,
    /// Its node ended.
    NodeExit,
    /// This one was killed, and there is a link from it, perhaps by way of others.
    Link(Peer),
}

impl ExitReason {
    /// Whether this is an orderly end: `Normal`, `Shutdown` or `DoNotRestart`.
    ///
    /// A transient child is not restarted after an orderly end. `DoNotRestart` counts as one
    /// because its sender wants exactly that; unlike the other two it also keeps a permanent
    /// child from being restarted, and it is worth a report.
    pub fn is_normal(&self) -> bool {
        match self {
            ExitReason::Normal | ExitReason::Shutdown(_) | ExitReason::DoNotRestart(_) => true,
            ExitReason::Failed(_)
            | ExitReason::Panicked { .. }
            | ExitReason::Signaled { .. }
            | ExitReason::Killed { .. }
            | ExitReason::OomKilled
            | ExitReason::ExitCode(_)
            | ExitReason::UnexpectedExit
            | ExitReason::NoProc
            | ExitReason::Lost => false,
        }
    }
}

/// Continues a sentence that begins with the process's name.
impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Normal => f.write_str("ended normally"),
            ExitReason::Shutdown(None) => f.write_str("stopped as asked"),
            ExitReason::Shutdown(Some(text)) => write!(f, "stopped as asked: {text}"),
            ExitReason::Failed(error) => write!(f, "failed: {error}"),
            ExitReason::Panicked { message, location } if location.is_empty() => {
                write!(f, "panicked: {message}")
            }
            ExitReason::Panicked { message, location } => {
                write!(f, "panicked at {location}: {message}")
            }
            ExitReason::Signaled { signal, core } => {
                write!(f, "died of signal {signal}")?;
                if let Some(name) = signal_name(*signal) {
                    write!(f, " ({name})")?;
                }
                f.write_str(if *core { ", core dumped" } else { "" })
            }
            ExitReason::Killed { by } => write!(f, "was killed {by}"),
            ExitReason::OomKilled => f.write_str("was killed by the kernel because memory ran out"),
            ExitReason::ExitCode(code) => write!(f, "exited with code {code}"),
            ExitReason::UnexpectedExit => {
                f.write_str("exited with code 0 before it was done (something in it called exit)")
            }
            ExitReason::DoNotRestart(text) => write!(f, "asked not to be restarted: {text}"),
            ExitReason::NoProc => f.write_str("is not alive"),
            ExitReason::Lost => f.write_str("died, and somebody else took its exit status"),
        }
    }
}

/// Continues "was killed".
impl fmt::Display for KilledBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KilledBy::User => f.write_str("on request"),
            KilledBy::ShutdownTimeout => f.write_str("because it did not stop in time"),
            KilledBy::StartTimeout => f.write_str("because it did not start in time"),
            KilledBy::KillAfter => f.write_str("because a call took too long"),
            KilledBy::Hung => f.write_str("because it gave no sign of life"),
            KilledBy::Limit => f.write_str("because it went over a limit"),
            KilledBy::NodeExit => f.write_str("because its node ended"),
            KilledBy::Link(peer) => write!(f, "because {peer} was, to which there is a link"),
        }
    }
}

/// The signals that end processes in practice; numbers are the same on all supported targets.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reason: ExitReason) -> String {
        format!("worker {reason}")
    }

    #[test]
    fn smoke() {
        assert_eq!(text(ExitReason::Normal), "worker ended normally");
        assert_eq!(text(ExitReason::ExitCode(3)), "worker exited with code 3");
    }

    #[test]
    fn texts_continue_the_name_of_the_process() {
        let panicked = |location: &str| ExitReason::Panicked { message: "boom".into(), location: location.into() };
        assert_eq!(text(panicked("src/a.rs:1:2")), "worker panicked at src/a.rs:1:2: boom");
        assert_eq!(text(panicked("")), "worker panicked: boom");
        assert_eq!(text(ExitReason::Shutdown(Some("idle".into()))), "worker stopped as asked: idle");
        assert_eq!(
            text(ExitReason::Signaled { signal: 6, core: true }),
            "worker died of signal 6 (SIGABRT), core dumped"
        );
        assert_eq!(text(ExitReason::Signaled { signal: 40, core: false }), "worker died of signal 40");
        assert_eq!(
            text(ExitReason::Killed { by: KilledBy::ShutdownTimeout }),
            "worker was killed because it did not stop in time"
        );
    }

    #[test]
    fn only_the_three_orderly_ends_are_normal() {
        let orderly = [
            ExitReason::Normal,
            ExitReason::Shutdown(None),
            ExitReason::Shutdown(Some("idle".into())),
            ExitReason::DoNotRestart("no such device".into()),
        ];
        let abnormal = [
            ExitReason::Failed("no".into()),
            ExitReason::Panicked { message: "no".into(), location: String::new() },
            ExitReason::Signaled { signal: 15, core: false },
            ExitReason::Killed { by: KilledBy::User },
            ExitReason::OomKilled,
            ExitReason::ExitCode(1),
            ExitReason::UnexpectedExit,
            ExitReason::NoProc,
            ExitReason::Lost,
        ];
        assert!(orderly.iter().all(ExitReason::is_normal));
        assert!(!abnormal.iter().any(ExitReason::is_normal));
    }
}
