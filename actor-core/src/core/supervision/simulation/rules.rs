//! Random supervisors: every strategy, restart type and way to stop, with limits that are soon reached.

use std::time::Duration;

use super::Random;
use crate::core::intensity::Intensity;
use crate::core::spec::{AutoShutdown, Backoff, ChildRules, Restart, Shutdown, Strategy, SupervisorRules};
use crate::exit::ExitReason;

/// More children than this there are not.
const CHILDREN_MAX: usize = 5;

pub(super) fn supervisor(random: &mut Random) -> SupervisorRules {
    use AutoShutdown::{AllSignificant, AnySignificant, Never};
    use Strategy::{OneForAll, OneForOne, RestForOne};
    let auto_shutdown = random.one_of(&[Never, AnySignificant, AllSignificant]);
    let count = random.one_of(&[0, 1, 2, 3, 4, CHILDREN_MAX]);
    SupervisorRules {
        strategy: random.one_of(&[OneForOne, OneForAll, RestForOne]),
        intensity: Intensity {
            restarts: random.one_of(&[0, 1, 3, 30, 100, 100]),
            period: Duration::from_millis(random.one_of(&[1, 50, 500, 5000])),
        },
        auto_shutdown,
        children: (0..count).map(|index| child(random, index, auto_shutdown)).collect(),
    }
}

fn child(random: &mut Random, index: usize, auto_shutdown: AutoShutdown) -> ChildRules {
    let restart = random.one_of(&[Restart::Permanent, Restart::Transient, Restart::Temporary]);
    let may_matter = auto_shutdown != AutoShutdown::Never && restart != Restart::Permanent;
    let after = Shutdown::After(Duration::from_millis(30));
    ChildRules {
        id: index.to_string(),
        restart,
        shutdown: random.one_of(&[Shutdown::Kill, after, Shutdown::Wait]),
        significant: may_matter && random.one_in(2),
        backoff: Backoff::new(Duration::from_millis(5), Duration::from_millis(40)),
    }
}

/// A way to end by oneself.
pub(super) fn reason(number: u32) -> ExitReason {
    match number % 8 {
        0 => ExitReason::Normal,
        1 => ExitReason::Shutdown(Some("enough".into())),
        2 => ExitReason::DoNotRestart("pointless".into()),
        3 => ExitReason::Failed("no".into()),
        4 => ExitReason::OomKilled,
        _ => ExitReason::Signaled { signal: 11, core: false },
    }
}
