//! Restart or not: OTP's table of restart type and exit reason.
//!
//! | restart type | normal end | `DoNotRestart` | any other end |
//! |---|---|---|---|
//! | permanent | restart | keep | restart |
//! | transient | keep | keep | restart |
//! | temporary | remove | remove | remove |

use super::spec::{Restart, Shutdown};
use crate::exit::ExitReason;
use crate::planted::planted;

/// What becomes of a child that has ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Restart,
    /// It stays known, but does not run.
    Keep,
    /// It is forgotten.
    Remove,
}

/// Decides what becomes of a child of this restart type that ended like this.
pub(crate) fn decide(restart: Restart, reason: &ExitReason) -> Decision {
    let pointless = matches!(reason, ExitReason::DoNotRestart(_));
    match restart {
        Restart::Temporary => Decision::Remove,
        Restart::Permanent | Restart::Transient if pointless => Decision::Keep,
        Restart::Transient if reason.is_normal() && !planted!(RestartTransient) => Decision::Keep,
        Restart::Permanent | Restart::Transient => Decision::Restart,
    }
}

/// Whether such an end deserves a report: all but a normal one that was to be expected.
pub(crate) fn is_worth_a_report(restart: Restart, reason: &ExitReason) -> bool {
    match reason {
        ExitReason::Normal | ExitReason::Shutdown(_) => restart == Restart::Permanent,
        _ => true,
    }
}

/// Whether this is how a child should end when its supervisor stops it.
pub(crate) fn is_expected_when_stopped(restart: Restart, shutdown: Shutdown, reason: &ExitReason) -> bool {
    match reason {
        ExitReason::Shutdown(None) => true,
        ExitReason::Killed { .. } => shutdown == Shutdown::Kill,
        ExitReason::Normal | ExitReason::Shutdown(Some(_)) => restart != Restart::Permanent,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::KilledBy;

    const TYPES: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];

    fn normal() -> [ExitReason; 3] {
        let text = Some("enough".into());
        [ExitReason::Normal, ExitReason::Shutdown(None), ExitReason::Shutdown(text)]
    }

    fn pointless() -> ExitReason {
        ExitReason::DoNotRestart("no such device".into())
    }

    fn abnormal() -> Vec<ExitReason> {
        vec![
            ExitReason::Failed("no".into()),
            ExitReason::Panicked { message: "no".into(), location: "a.rs:1:2".into() },
            ExitReason::Signaled { signal: 11, core: true },
            ExitReason::Killed { by: KilledBy::User },
            ExitReason::Killed { by: KilledBy::ShutdownTimeout },
            ExitReason::OomKilled,
            ExitReason::ExitCode(3),
            ExitReason::UnexpectedExit,
            ExitReason::Lost,
        ]
    }

    #[test]
    fn smoke() {
        assert_eq!(decide(Restart::Permanent, &ExitReason::Normal), Decision::Restart);
        assert_eq!(decide(Restart::Transient, &ExitReason::Normal), Decision::Keep);
    }

    #[test]
    fn the_table_of_decisions() {
        use Decision::{Keep, Remove, Restart};
        for reason in normal() {
            assert_eq!(TYPES.map(|t| decide(t, &reason)), [Restart, Keep, Remove], "{reason}");
        }
        assert_eq!(TYPES.map(|t| decide(t, &pointless())), [Keep, Keep, Remove]);
        for reason in abnormal() {
            assert_eq!(TYPES.map(|t| decide(t, &reason)), [Restart, Restart, Remove], "{reason}");
        }
    }

    #[test]
    fn only_expected_normal_ends_go_without_a_report() {
        for reason in normal() {
            assert_eq!(TYPES.map(|t| is_worth_a_report(t, &reason)), [true, false, false]);
        }
        for reason in abnormal().into_iter().chain([pointless()]) {
            assert_eq!(TYPES.map(|t| is_worth_a_report(t, &reason)), [true; 3], "{reason}");
        }
    }

    #[test]
    fn stopped_children_should_end_with_shutdown() {
        let expected =
            |shutdown, reason: &ExitReason| TYPES.map(|restart| is_expected_when_stopped(restart, shutdown, reason));
        for shutdown in [Shutdown::Kill, Shutdown::default(), Shutdown::Wait] {
            assert_eq!(expected(shutdown, &ExitReason::Shutdown(None)), [true; 3]);
            for reason in [ExitReason::Normal, ExitReason::Shutdown(Some("enough".into()))] {
                assert_eq!(expected(shutdown, &reason), [false, true, true], "{reason}");
            }
            for reason in abnormal().into_iter().chain([pointless()]) {
                let killed = matches!(reason, ExitReason::Killed { .. });
                let fine = killed && shutdown == Shutdown::Kill;
                assert_eq!(expected(shutdown, &reason), [fine; 3], "{reason}");
            }
        }
    }
}
