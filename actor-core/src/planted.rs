//! [`Bug`]: faults that can be planted, so that the crash harness can show that it finds them.
//!
//! A harness that finds nothing proves nothing unless it would have found something. `crash controls`
//! builds this crate with `--cfg planted`, runs it once for each bug, and demands that each is caught.
//! In every other build [`is`] is a constant `false` and nothing of this is left; no feature turns it
//! on, for features of a dependency add up.

/// Which bug. Its name is that of the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(planted), allow(dead_code))]
pub(crate) enum Bug {
    /// Whoever sleeps on what a dead process has left is not woken.
    SkipWakeOnRecovery,
    /// The message in hand is done before its handler runs.
    AcknowledgeBeforeHandling,
    /// A slot is taken first, and says a moment later by whom.
    ClaimBeforeStamp,
    /// The count of deliveries is raised by a load and a store.
    CountNotAtomic,
    /// Sleepers are looked for in this process only.
    PrivateFutex,
    /// Who has been waited for in vain is taken for dead.
    RecoverOnTimeout,
    /// A process is its number, whoever has that by now.
    PidInsteadOfPidfd,
    /// A descriptor opened by a number is not looked at a second time.
    SentinelOfAnybody,
    /// What was inherited is inherited further.
    MissingCloexec,
    /// An interrupted system call is an error.
    NoEintrLoop,
    /// A message is visible before it is there.
    PublishBeforeCopy,
    /// Who is about to sleep does not look a second time.
    SkipSecondLook,
    /// A return is made and not told.
    ReturnNotNoted,
    /// Room of the dead is freed though a message lies in it.
    FreeReferencedExtents,
    /// Room of the dead is not freed.
    KeepExtents,
    /// Tasks that the dead held are forgotten.
    ForgetHands,
    /// A task that has moved is returned from both places.
    ReturnMovedTwice,
    /// An answer that the dead was writing is never to be written by another.
    ForgetReplies,
    /// A message in the hand of the dead counts as handled.
    SettleAsHandled,
    /// A call that was answered is run again.
    SettleAnsweredAgain,
    /// What the dead has started is left alone.
    SpareThePrograms,
    /// At the node's death its guard does nothing.
    GuardDoesNothing,
    /// The kernel is not asked to end processes with their node.
    NoParentDeathSignal,
    /// Requests that a dead zygote had are not answered.
    ForgetOrders,
    /// One restart more than is allowed.
    OneRestartMore,
    /// Transient children are started again after any end.
    RestartTransient,
    /// Children are stopped in the order in which they were started.
    StopInOrder,
    /// A wait is begun whose end is never told.
    ForgetTimers,
    /// What is logged is visible before it is there.
    PublishLogBeforeCopy,
    /// The last that the dead have logged is not read.
    ForgetLogs,
    /// A lock that the dead held is free, and nobody is told.
    ForgetOwners,
    /// A copy of what a mutex guards counts before it is written.
    CountBeforeWrite,
    /// Permits of the dead stay with it.
    KeepPermits,
    /// A wake that the dead was given goes to nobody else.
    SwallowWakes,
    /// A barrier waits for those who have died.
    WaitForTheDead,
    /// Ends of pipes that the dead had stay open.
    ForgetEnds,
    /// What has come to an ordered queue and is not yet in order is not looked for.
    ForgetNews,
    /// A task is out of its worker's hands before it is done.
    FinishBeforeWork,
}

/// Whether this bug is planted in this process.
#[cfg(not(planted))]
#[inline(always)]
pub(crate) const fn is(_: Bug) -> bool {
    false
}

/// Whether this bug is planted in this process. A name that no bug has ends it with exit code 70.
#[cfg(planted)]
pub(crate) fn is(bug: Bug) -> bool {
    use std::sync::LazyLock;
    static CHOSEN: LazyLock<Option<Bug>> = LazyLock::new(|| {
        let name = std::env::var("ACTOR_CORE_PLANTED").ok()?;
        let chosen = ALL.iter().find(|bug| format!("{bug:?}") == name);
        Some(*chosen.unwrap_or_else(|| std::process::exit(70)))
    });
    *CHOSEN == Some(bug)
}

#[cfg(planted)]
const ALL: &[Bug] = &[
    Bug::SkipWakeOnRecovery,
    Bug::AcknowledgeBeforeHandling,
    Bug::ClaimBeforeStamp,
    Bug::CountNotAtomic,
    Bug::PrivateFutex,
    Bug::RecoverOnTimeout,
    Bug::PidInsteadOfPidfd,
    Bug::SentinelOfAnybody,
    Bug::MissingCloexec,
    Bug::NoEintrLoop,
    Bug::PublishBeforeCopy,
    Bug::SkipSecondLook,
    Bug::ReturnNotNoted,
    Bug::FreeReferencedExtents,
    Bug::KeepExtents,
    Bug::ForgetHands,
    Bug::ReturnMovedTwice,
    Bug::ForgetReplies,
    Bug::SettleAsHandled,
    Bug::SettleAnsweredAgain,
    Bug::SpareThePrograms,
    Bug::GuardDoesNothing,
    Bug::NoParentDeathSignal,
    Bug::ForgetOrders,
    Bug::OneRestartMore,
    Bug::RestartTransient,
    Bug::StopInOrder,
    Bug::ForgetTimers,
    Bug::PublishLogBeforeCopy,
    Bug::ForgetLogs,
    Bug::ForgetOwners,
    Bug::CountBeforeWrite,
    Bug::KeepPermits,
    Bug::SwallowWakes,
    Bug::WaitForTheDead,
    Bug::ForgetEnds,
    Bug::ForgetNews,
    Bug::FinishBeforeWork,
];

/// Makes the moment long that a planted bug leaves between two steps.
pub(crate) fn widen() {
    std::thread::yield_now();
}

/// Kills whoever has this number.
pub(crate) fn kill_number(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    let _ = Pid::from_raw(pid as i32).map(|pid| kill_process(pid, Signal::KILL));
}

/// Whether a bug is planted: `planted!(SkipWakeOnRecovery)`. One line at the place that it spoils.
macro_rules! planted {
    ($bug:ident) => {
        $crate::planted::is($crate::planted::Bug::$bug)
    };
}
pub(crate) use planted;
