//! [`Field`]: where trials are made. Victims are led to their places and killed there, and the node repairs.
//!
//! The queue is the one of the trial before unless that has closed it, so damage that is not seen at
//! once has many chances to be seen later.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Release;
use std::time::{Duration, Instant};

use actor_core::ExitReason;
use actor_core::process::{JoinError, Process};
use actor_core::queue::Close;
use actor_core::testing::proof;
use rustix::process::{Signal, pidfd_send_signal};

use super::channel::{Channel, Sort};
use super::known::{Known, Moment};
use super::scene::{SEATS, WORDS};
use super::table::TABLE;
use super::trial::{Trial, Victim};
use crate::board::Board;
use crate::chance::Chance;
use crate::crash::{Fault, Kind};
use crate::steps::{Stepped, stand_still};

/// A queue of each sort, and what is there to try them.
pub(super) struct Field {
    queues: [Option<Channel>; 3],
    /// Second ones, on which victims do what is not tried once before.
    used: Vec<Channel>,
    board: Board,
    trials: u32,
    pub(super) chance: Chance,
    pub(super) known: BTreeMap<usize, Known>,
    pub(super) kills: u64,
    pub(super) recovery_max: Duration,
}

/// What one victim of a trial does, and after how many instructions of it he dies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) case: usize,
    pub(super) steps: usize,
}

/// How long the node may take to tell of a death.
const REPAIR: Duration = Duration::from_secs(5);

impl Field {
    pub(super) fn new(chance: Chance) -> Result<Field, Fault> {
        Ok(Field {
            queues: [const { None }; 3],
            used: Sort::ALL.into_iter().map(used_queue).collect::<Result<_, _>>()?,
            board: Board::new(SEATS * WORDS),
            trials: 0,
            chance,
            known: BTreeMap::new(),
            kills: 0,
            recovery_max: Duration::ZERO,
        })
    }

    /// Whether a place is found without many steps.
    pub(super) fn is_near(&self, part: Part) -> bool {
        self.known.get(&part.case).is_some_and(|known| known.is_near(part.steps))
    }

    /// Leads a victim to the end of an operation, so that others find their places in it, and tells how
    /// many there are. He is killed and all is checked as after any other.
    pub(super) fn explore(&mut self, case: usize) -> Result<usize, Fault> {
        let moment = match TABLE[case].between {
            None => Moment::Never,
            Some(_) => match self.explore_with(case, Moment::Never)? {
                Known { sleeps: true, way, .. } => Moment::Asleep(way.len() - 1),
                Known { way, .. } => Moment::Before(self.chance.below(way.len() as u64) as usize),
            },
        };
        let known = self.explore_with(case, moment)?;
        let steps = known.steps();
        self.known.insert(case, known);
        Ok(steps)
    }

    fn explore_with(&mut self, case: usize, moment: Moment) -> Result<Known, Fault> {
        let mut known = Known::new(moment);
        self.run_led(&[case], |_, trial, victim| {
            known.explore(&victim.stepped, || victim.notes.is_over(), || trial.do_between(case)).map(|()| true)
        })?;
        Ok(known)
    }

    /// Leads the victims to their places, kills them, and checks what they have left behind. False: one of
    /// them did not come to his place.
    pub(super) fn run(&mut self, parts: &[Part]) -> Result<bool, Fault> {
        let known = std::mem::take(&mut self.known);
        let cases: Vec<usize> = parts.iter().map(|part| part.case).collect();
        let result = self.run_led(&cases, |seat, trial, victim| {
            let Part { case, steps } = parts[seat];
            known[&case].lead(&victim.stepped, steps, || trial.do_between(case))
        });
        self.known = known;
        result
    }

    fn run_led(
        &mut self,
        cases: &[usize],
        lead: impl FnMut(usize, &mut Trial, &Victim) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let result = self.try_run(cases, lead);
        self.settle(result)
    }

    /// The next trial has a queue of its own if this one's is of no use any more.
    pub(super) fn settle<T>(&mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        if result.is_err() || self.queues.iter().flatten().any(Channel::is_closed) {
            self.end();
        }
        result
    }

    /// Gives all memory back.
    pub(super) fn leave(mut self) {
        self.end();
        self.used.iter().for_each(|used| used.close(Close::Now));
    }

    /// Gives the queues back. Handles on them have gone to others, so they have to be closed.
    fn end(&mut self) {
        self.queues.iter_mut().filter_map(Option::take).for_each(|queue| queue.close(Close::Now));
    }

    fn try_run(
        &mut self,
        cases: &[usize],
        mut lead: impl FnMut(usize, &mut Trial, &Victim) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let mut trial = self.begin(cases[0])?;
        let mut victims = Vec::new();
        for (seat, case) in cases.iter().enumerate() {
            victims.push(trial.start(seat, *case)?);
        }
        let sleeper = trial.case.sleeper.map(|sleep| trial.put_to_sleep(sleep)).transpose()?;
        let mut is_there = true;
        for (seat, victim) in victims.iter().enumerate() {
            is_there &= lead(seat, &mut trial, victim)?;
        }
        if self.chance.once_in(2) {
            victims.reverse();
        }
        // Who dies with the wish noted has the node fulfil it.
        proof::keep_memory(&trial.queue, false);
        self.recovery_max = self.recovery_max.max(end_victims(&victims)?);
        self.kills += victims.len() as u64;
        victims.iter().for_each(|victim| trial.books.add(&victim.notes));
        trial.check(sleeper)?;
        Ok(is_there)
    }

    /// A queue with what the first victim finds there.
    pub(super) fn begin(&mut self, case: usize) -> Result<Trial, Fault> {
        self.trials += 1;
        self.board.iter().for_each(|word| word.store(0, Release));
        let case = &TABLE[case];
        if case.is_cold {
            self.end();
        }
        let queue = match &self.queues[case.sort as usize] {
            Some(queue) => queue.clone(),
            None => case.sort.make()?,
        };
        self.queues[case.sort as usize] = Some(queue.clone());
        // Only where the case says so is memory given back: it would be at any moment.
        proof::keep_memory(&queue, !case.asks);
        let mut trial =
            Trial::new([queue, self.used[case.sort as usize].clone()], case, self.trials, self.board.clone());
        trial.prepare()?;
        Ok(trial)
    }
}

/// A queue that was sent to before, and goes on to have the memory for that.
pub(super) fn used_queue(sort: Sort) -> Result<Channel, Fault> {
    let queue = sort.make()?;
    proof::keep_memory(&queue, true);
    Ok(queue)
}

/// Kills those who stand still, and tells how long it took until the node had repaired what they left.
pub(super) fn end_victims(victims: &[Victim]) -> Result<Duration, Fault> {
    let begin = Instant::now();
    victims.iter().try_for_each(kill_victim)?;
    join_victims(victims)?;
    Ok(begin.elapsed())
}

/// Kills somebody who stands still, or sleeps.
pub(super) fn kill_victim(victim: &Victim) -> Result<(), Fault> {
    let cannot = |error: std::io::Error| Kind::Wedged.fault(format!("a victim cannot be killed: {error}"));
    let sentinel = victim.process.sentinel().map_err(cannot)?;
    pidfd_send_signal(sentinel, Signal::KILL).map_err(|error| cannot(error.into()))
}

/// Waits until the node has repaired what the dead have left.
pub(super) fn join_victims(victims: &[Victim]) -> Result<(), Fault> {
    for victim in victims {
        match victim.process.join_timeout(crate::watch::bound(REPAIR)) {
            Err(JoinError::Died(report)) if matches!(report.reason, ExitReason::Signaled { signal: 9, .. }) => {}
            other => return Err(Kind::Wedged.fault(format!("a victim was killed, and its end is {other:?}"))),
        }
    }
    Ok(())
}

/// Whether processes can be led here.
pub(super) fn can_lead() -> std::io::Result<()> {
    fn stand(_: ()) {
        stand_still();
    }
    let process = Process::spawn(stand, ()).map_err(std::io::Error::other)?;
    let led = Stepped::take_over(process.pid()).and_then(|stepped| stepped.step());
    process.kill().map_err(std::io::Error::other)?;
    let _ = process.join();
    led.map(drop)
}
