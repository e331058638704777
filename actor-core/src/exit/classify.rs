//! [`classify`]: from what is known about a dead process to the reason of its end.
//!
//! Three witnesses can speak: the kernel (wait status, out-of-memory events), the process itself
//! (its end record) and we (why we sent SIGKILL). The kernel's status always holds; the other two
//! are believed only where they agree with it. A process that wrote "done" and then crashed in a
//! C++ destructor has crashed, and one that died a moment before our signal was not killed by us.

use super::reason::{ExitReason, KilledBy};
use super::record::{EndKind, EndRecord};

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

/// All that is known about a process that is proven dead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) status: WaitStatus,
    pub(crate) record: Option<&'a EndRecord>,
    /// Why we sent SIGKILL, if we did.
    pub(crate) killed_by: Option<KilledBy>,
    /// Whether the kernel reported that it killed this process for memory.
    pub(crate) oom: bool,
    /// The reason that came to it through a link, if one did.
    pub(crate) linked: Option<&'a ExitReason>,
}

/// How the kernel says that a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitStatus {
    Exited(i32),
    Signaled {
        signal: i32,
        core: bool,
    },
    /// The process is dead, but somebody else has taken its status.
    Unknown,
}

/// Decides why a process ended.
pub(crate) fn classify(evidence: Evidence<'_>) -> ExitReason {
    let Evidence { status, record, killed_by, oom, linked } = evidence;
    if let Some(reason) = linked.filter(|_| came_by_link(evidence)) {
        return reason.clone();
    }
    if let Some(record) = record.filter(|record| agrees(record.kind, status))
        && let Some(reason) = from_record(record)
    {
        return reason;
    }
    match status {
        WaitStatus::Unknown => ExitReason::Lost,
        // The kernel's word goes first: our own signal may have hit what was dying already.
        WaitStatus::Signaled { signal: SIGKILL, .. } if oom => ExitReason::OomKilled,
        WaitStatus::Signaled { signal: SIGKILL, core } => match killed_by {
            Some(by) => ExitReason::Killed { by },
            None => ExitReason::Signaled { signal: SIGKILL, core },
        },
        WaitStatus::Signaled { signal, core } => ExitReason::Signaled { signal, core },
        WaitStatus::Exited(0) => ExitReason::UnexpectedExit,
        WaitStatus::Exited(code) => ExitReason::ExitCode(code),
    }
}

/// Whether a process died of what came to it through a link, and not of something else before that: we
/// have killed it for this, or it says so itself.
pub(crate) fn came_by_link(evidence: Evidence<'_>) -> bool {
    let Evidence { status, record, killed_by, oom, linked } = evidence;
    let was_killed = matches!(status, WaitStatus::Signaled { signal: SIGKILL, .. })
        && matches!(killed_by, Some(KilledBy::Link(_)))
        && !oom;
    let says_so = record.is_some_and(|record| record.kind == EndKind::Linked && agrees(record.kind, status));
    linked.is_some() && (was_killed || says_so)
}

/// Whether a process that wrote a record of this kind, and did nothing else, ends like this.
fn agrees(kind: EndKind, status: WaitStatus) -> bool {
    match status {
        WaitStatus::Exited(code) => code == kind.exit_code(),
        // A panic that aborts: `panic = "abort"`, or a second panic while the first one unwinds.
        WaitStatus::Signaled { signal: SIGABRT, .. } => kind == EndKind::Panicked,
        WaitStatus::Signaled { .. } | WaitStatus::Unknown => false,
    }
}

/// What the record says. `None`: that the reason came through a link, by which none has come.
fn from_record(record: &EndRecord) -> Option<ExitReason> {
    let text = record.text.clone();
    Some(match record.kind {
        EndKind::Normal => ExitReason::Normal,
        EndKind::Shutdown => ExitReason::Shutdown(Some(text).filter(|text| !text.is_empty())),
        EndKind::Failed | EndKind::InitFailed => ExitReason::Failed(text),
        EndKind::Panicked => ExitReason::Panicked { message: text, location: record.location.clone() },
        EndKind::DoNotRestart => ExitReason::DoNotRestart(text),
        EndKind::Linked => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Peer;

    const STATUSES: [WaitStatus; 9] = [
        WaitStatus::Exited(0),
        WaitStatus::Exited(1),
        WaitStatus::Exited(3),
        WaitStatus::Exited(101),
        WaitStatus::Signaled { signal: 6, core: false },
        WaitStatus::Signaled { signal: 9, core: false },
        WaitStatus::Signaled { signal: 11, core: true },
        WaitStatus::Signaled { signal: 15, core: false },
        WaitStatus::Unknown,
    ];

    fn record(kind: EndKind) -> EndRecord {
        EndRecord { kind, text: "text".into(), location: "a.rs:1:2".into() }
    }

    fn reason(status: WaitStatus, kind: Option<EndKind>, killed_by: Option<KilledBy>, oom: bool) -> ExitReason {
        let record = kind.map(record);
        classify(Evidence { status, record: record.as_ref(), killed_by, oom, linked: None })
    }

    /// What the status alone says.
    fn bare(status: WaitStatus) -> ExitReason {
        match status {
            WaitStatus::Exited(0) => ExitReason::UnexpectedExit,
            WaitStatus::Exited(code) => ExitReason::ExitCode(code),
            WaitStatus::Signaled { signal, core } => ExitReason::Signaled { signal, core },
            WaitStatus::Unknown => ExitReason::Lost,
        }
    }

    #[test]
    fn smoke() {
        assert_eq!(reason(WaitStatus::Exited(0), Some(EndKind::Normal), None, false), ExitReason::Normal);
        assert_eq!(reason(WaitStatus::Exited(0), None, None, false), ExitReason::UnexpectedExit);
    }

    /// The cells in which a record is believed; everywhere else it changes nothing.
    #[test]
    fn a_record_counts_only_with_its_own_status() {
        let panicked = ExitReason::Panicked { message: "text".into(), location: "a.rs:1:2".into() };
        let failed = ExitReason::Failed("text".into());
        let believed = [
            (EndKind::Normal, WaitStatus::Exited(0), ExitReason::Normal),
            (EndKind::Shutdown, WaitStatus::Exited(0), ExitReason::Shutdown(Some("text".into()))),
            (EndKind::Failed, WaitStatus::Exited(1), failed.clone()),
            (EndKind::InitFailed, WaitStatus::Exited(1), failed),
            (EndKind::DoNotRestart, WaitStatus::Exited(1), ExitReason::DoNotRestart("text".into())),
            (EndKind::Panicked, WaitStatus::Exited(101), panicked.clone()),
            (EndKind::Panicked, WaitStatus::Signaled { signal: 6, core: false }, panicked),
        ];
        for status in STATUSES {
            for kind in EndKind::ALL {
                let expected = believed
                    .iter()
                    .find(|(k, s, _)| (*k, *s) == (kind, status))
                    .map_or_else(|| bare(status), |(_, _, reason)| reason.clone());
                assert_eq!(reason(status, Some(kind), None, false), expected, "{kind:?} {status:?}");
            }
        }
    }

    /// All 9 statuses × 7 records × 2 × 2: our own kill and the kernel's matter for SIGKILL only.
    #[test]
    fn killed_and_oom_count_only_with_sigkill() {
        let kinds = EndKind::ALL.map(Some).into_iter().chain([None]);
        for kind in kinds {
            for status in STATUSES {
                for killed_by in [None, Some(KilledBy::ShutdownTimeout)] {
                    for oom in [false, true] {
                        let sigkill = status == WaitStatus::Signaled { signal: 9, core: false };
                        let expected = match (sigkill, killed_by, oom) {
                            (true, _, true) => ExitReason::OomKilled,
                            (true, Some(by), false) => ExitReason::Killed { by },
                            _ => reason(status, kind, None, false),
                        };
                        assert_eq!(
                            reason(status, kind, killed_by, oom),
                            expected,
                            "{status:?} {kind:?} {killed_by:?} {oom}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn without_a_record_the_status_speaks() {
        for status in STATUSES {
            assert_eq!(reason(status, None, None, false), bare(status));
        }
    }

    #[test]
    fn shutdown_without_a_word_has_no_text() {
        let record = EndRecord { kind: EndKind::Shutdown, text: String::new(), location: String::new() };
        let status = WaitStatus::Exited(0);
        let evidence = Evidence { status, record: Some(&record), killed_by: None, oom: false, linked: None };
        assert_eq!(classify(evidence), ExitReason::Shutdown(None));
    }

    /// All statuses and records, with and without a kill for the link: it counts for these two alone.
    #[test]
    fn a_link_counts_with_our_kill_or_with_its_record() {
        let came = ExitReason::ExitCode(77);
        let link = KilledBy::Link(Peer::Main);
        let kills = [None, Some(link), Some(KilledBy::User)];
        for kind in EndKind::ALL.map(Some).into_iter().chain([None]) {
            for (status, killed_by) in STATUSES.iter().flat_map(|status| kills.map(|by| (*status, by))) {
                for oom in [false, true] {
                    let record = kind.map(record);
                    let evidence = Evidence { status, record: record.as_ref(), killed_by, oom, linked: Some(&came) };
                    let is_kill = status == WaitStatus::Signaled { signal: 9, core: false };
                    let says_so = kind == Some(EndKind::Linked) && status == WaitStatus::Exited(1);
                    let expected = match (is_kill && killed_by == Some(link) && !oom) || says_so {
                        true => came.clone(),
                        false => reason(status, kind, killed_by, oom),
                    };
                    assert_eq!(classify(evidence), expected, "{status:?} {kind:?} {killed_by:?} {oom}");
                }
            }
        }
    }
}
