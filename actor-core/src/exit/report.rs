//! [`ExitReport`]: everything worth knowing about one dead process.
//!
//! The node makes one per death. From there it travels as it is: into errors of callers, to
//! whoever joins, to supervisors and logs.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reason::ExitReason;
use crate::id::{ActorId, Peer};

/// The account of one process's end.
///
/// `{}` prints one line; `{:#}` adds what the process last wrote to stderr.
///
/// ```
/// use actor_core::ExitReason;
/// use actor_core::process::{JoinError, Process};
///
/// fn give_up(_: ()) {
///     eprintln!("out of ideas");
///     std::process::exit(3);
/// }
///
/// # fn main() -> actor_core::Result<()> {
/// let Err(JoinError::Died(report)) = Process::spawn(give_up, ())?.join() else { panic!("it does not return") };
/// assert_eq!(report.reason, ExitReason::ExitCode(3));
/// assert_eq!(report.stderr, "out of ideas\n");
/// assert!(format!("{report}").ends_with("exited with code 3"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitReport {
    /// The name that `ps` showed: the actor's, or the process's own.
    pub process: String,
    /// The operating system's number, 0 if the process never existed.
    pub pid: u32,
    /// The actor that lived in the process, if one did.
    pub actor: Option<ActorId>,
    /// Why it ended.
    pub reason: ExitReason,
    /// The other end of the link by which the reason came, if it began elsewhere.
    pub via: Option<Peer>,
    /// Whether it left a core dump.
    pub core: bool,
    /// How long it lived.
    pub uptime: Duration,
    /// What it used over its life.
    pub usage: ResourceUsage,
    /// The last 4 KiB that it wrote to stderr, where stderr was captured.
    pub stderr: String,
    /// How many bytes of stderr came before those.
    pub stderr_dropped: u64,
    /// The message that it was handling.
    pub in_hand: Option<InHand>,
}

/// What a process used over its life, as the kernel counted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceUsage {
    /// The most memory it had resident at once.
    pub max_rss_bytes: u64,
    /// Processor time in its own code.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
}

/// The message that a process was handling when it died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InHand {
    /// The handler that was running.
    pub handler: String,
    /// How often the message had been delivered, this time included.
    pub deliveries: u32,
}

impl ExitReport {
    /// The report on something that is not alive and of which nothing else is known.
    pub(crate) fn no_proc(process: impl Into<String>, actor: Option<ActorId>) -> ExitReport {
        ExitReport {
            process: process.into(),
            pid: 0,
            actor,
            reason: ExitReason::NoProc,
            via: None,
            core: false,
            uptime: Duration::ZERO,
            usage: ResourceUsage::default(),
            stderr: String::new(),
            stderr_dropped: 0,
            in_hand: None,
        }
    }
}

impl fmt::Display for ExitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.process)?;
        if self.pid != 0 {
            write!(f, " (pid {})", self.pid)?;
        }
        write!(f, " {}", self.reason)?;
        if let Some(via) = self.via {
            write!(f, ", through its link to {via}")?;
        }
        if let Some(InHand { handler, deliveries }) = &self.in_hand {
            write!(f, ", while handling `{handler}`")?;
            if 1 < *deliveries {
                write!(f, " (delivery {deliveries})")?;
            }
        }
        if f.alternate() && !self.stderr.is_empty() {
            write!(f, "\nlast words on stderr")?;
            if 0 < self.stderr_dropped {
                write!(f, " (after {} bytes)", self.stderr_dropped)?;
            }
            write!(f, ":\n{}", self.stderr.trim_end())?;
        }
        Ok(())
    }
}

impl std::error::Error for ExitReport {}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(reason: ExitReason) -> ExitReport {
        ExitReport { pid: 71, ..ExitReport::no_proc("counter", None) }.with(reason)
    }

    impl ExitReport {
        fn with(self, reason: ExitReason) -> ExitReport {
            ExitReport { reason, ..self }
        }
    }

    #[test]
    fn smoke() {
        assert_eq!(report(ExitReason::Normal).to_string(), "`counter` (pid 71) ended normally");
    }

    #[test]
    fn one_line_names_the_message_in_hand() {
        let mut report = report(ExitReason::Signaled { signal: 11, core: false });
        report.in_hand = Some(InHand { handler: "add".into(), deliveries: 1 });
        assert_eq!(report.to_string(), "`counter` (pid 71) died of signal 11 (SIGSEGV), while handling `add`");
        report.in_hand = Some(InHand { handler: "add".into(), deliveries: 3 });
        assert!(report.to_string().ends_with("while handling `add` (delivery 3)"));
    }

    #[test]
    fn the_long_form_ends_with_the_last_words() {
        let mut report = report(ExitReason::ExitCode(3));
        assert_eq!(format!("{report:#}"), report.to_string());
        report.stderr = "disk full\n".into();
        report.stderr_dropped = 10;
        assert_eq!(
            format!("{report:#}"),
            "`counter` (pid 71) exited with code 3\nlast words on stderr (after 10 bytes):\ndisk full"
        );
        assert_eq!(report.to_string().lines().count(), 1);
    }

    #[test]
    fn what_never_lived_has_no_pid() {
        assert_eq!(ExitReport::no_proc("x", None).to_string(), "`x` is not alive");
    }
}
