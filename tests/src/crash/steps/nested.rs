//! A second death, while the node repairs what the first one has left.
//!
//! On a queue, three are at work, each somewhere in an operation. The first one dies; the node's thread
//! stands still at some instruction of the repair, and there the second one dies. The third one goes on
//! with his operation beside a repair that is half done, this process sends and receives there, and then
//! the node goes on. What is on the queue then has to be what it has to be after any two deaths.
//!
//! On a mailbox, two are at work. The second to die is the other one, while the actor goes on and serves,
//! or the actor.

use std::ops::Range;

use actor_core::testing::proof;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::deeds::DEEDS;
use super::field::{Field, Part, join_victims, kill_victim};
use super::leader::{Held, Leader};
use super::office::{Office, kill_led};
use super::sleeper::soon;
use super::trial::{Trial, Victim};
use crate::crash::{Fault, Kind};
use crate::steps::Step;

/// Of the harness, the numbers of messages that it sends beside the repair.
const BESIDE: std::ops::Range<u32> = 4..10;
/// Instructions that the third one makes beside it, at most.
const BESIDE_STEPS: u64 = 400;

/// Where the repair was when the second one died.
pub(super) enum Stood {
    /// At the place, or at the end, since it has not come there.
    There,
    NotThere,
    /// At the end, where it has come to by these places: those of each instruction.
    AtTheEnd(Vec<Range<usize>>),
}

impl Held<'_> {
    fn stand_at(&mut self, place: Option<usize>) -> Result<Stood, Fault> {
        match place {
            None => self.explore().map(Stood::AtTheEnd),
            Some(place) => Ok(if self.lead(place)? { Stood::There } else { Stood::NotThere }),
        }
    }
}

impl Field {
    /// Lets the first one die, the second one when the repair is at a place, or at its end, and the third
    /// one live.
    pub(super) fn run_nested(
        &mut self,
        parts: [Part; 3],
        leader: &mut Leader,
        place: Option<usize>,
    ) -> Result<Stood, Fault> {
        let result = self.try_nested(parts, leader, place);
        self.settle(result)
    }

    fn try_nested(&mut self, parts: [Part; 3], leader: &mut Leader, place: Option<usize>) -> Result<Stood, Fault> {
        let mut trial = self.begin(parts[0].case)?;
        let mut victims = Vec::new();
        for (seat, part) in parts.iter().enumerate() {
            victims.push(trial.start(seat, part.case)?);
        }
        let sleeper = trial.case.sleeper.map(|sleep| trial.put_to_sleep(sleep)).transpose()?;
        let mut stands = true;
        for (victim, Part { case, steps }) in victims.iter().zip(parts) {
            // Wherever he has come to: in the midst of what another one has left he may be elsewhere.
            stands = self.known[&case].lead(&victim.stepped, steps, || Ok(()))?;
        }
        proof::keep_memory(&trial.queue, false);
        let [first, second, third] = &victims[..] else { unreachable!("there are three parts") };
        let mut held = leader.hold().map_err(unstoppable)?;
        kill_and_see(first)?;
        let stood = held.stand_at(place)?;
        kill_and_see(second)?;
        self.work_beside(&mut trial, third, &mut stands)?;
        drop(held);
        join_victims(&victims[..2])?;
        end_of(third, stands)?;
        kill_victim(third)?;
        join_victims(&victims[2..])?;
        self.kills += 3;
        victims.iter().for_each(|victim| trial.books.add(&victim.notes));
        trial.check(sleeper)?;
        Ok(stood)
    }

    /// Those who live are not kept from their work by a repair that is not done.
    fn work_beside(&mut self, trial: &mut Trial, third: &Victim, stands: &mut bool) -> Result<(), Fault> {
        for number in BESIDE {
            match self.chance.below(3) {
                0 => drop(trial.try_send(number)),
                1 => trial.try_receive()?,
                _ => {
                    for _ in 0..self.chance.below(BESIDE_STEPS) {
                        if !*stands || third.notes.is_over() {
                            break;
                        }
                        *stands = third.stepped.step().map_err(lost)? == Step::Made;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Office {
    /// As [`run_nested`](Field::run_nested) of a field. Without a second part it is the actor that dies.
    pub(super) fn run_nested(
        &mut self,
        first: Part,
        second: Option<Part>,
        leader: &mut Leader,
        place: Option<usize>,
    ) -> Result<Stood, Fault> {
        self.next_trial();
        let parts: Vec<Part> = [Some(first), second].into_iter().flatten().collect();
        self.make_clerk(&DEEDS[first.case], self.clerk, &self.desk)?;
        let mut victims = Vec::new();
        for (seat, part) in parts.iter().enumerate() {
            victims.push(self.start(&DEEDS[part.case], seat)?);
        }
        for (victim, Part { case, steps }) in victims.iter().zip(&parts) {
            self.known[case].lead(&victim.stepped, *steps, || Ok(()))?;
        }
        let mut held = leader.hold().map_err(unstoppable)?;
        kill_and_see(&victims[0])?;
        let stood = held.stand_at(place)?;
        match victims.get(1) {
            Some(second) => {
                kill_and_see(second)?;
                self.go_on();
                // He is served when the repair is done: before his message lies what the dead were writing.
                self.cast_beside()?;
            }
            None => kill_led(self.desk.lives())?,
        }
        drop(held);
        join_victims(&victims)?;
        self.kills += 2;
        self.greet()?;
        for ((victim, part), number) in victims.iter().zip(&parts).zip(self.number()..) {
            self.check_outside(&DEEDS[part.case], &victim.notes, number)?;
        }
        if second.is_some() {
            self.check_beside()?;
        }
        Ok(stood)
    }
}

/// Kills somebody who stands still. He is dead when this returns, whether the node knows or not.
fn kill_and_see(victim: &Victim) -> Result<(), Fault> {
    kill_victim(victim)?;
    let sentinel = victim.process.sentinel().map_err(lost)?;
    let time = Timespec { tv_sec: 5, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(&sentinel, PollFlags::IN)], Some(&time)).map_err(|error| lost(error.into()))?;
    Kind::Wedged.unless(ready == 1, || "somebody was killed, and does not die".to_owned())
}

/// He who lives comes to the end of what he does: whatever he waits for is there within moments.
fn end_of(third: &Victim, mut stands: bool) -> Result<(), Fault> {
    let is_over = soon(|| {
        if third.notes.is_over() {
            return true;
        }
        let step = if stands { third.stepped.run_for_a_while() } else { third.stepped.come_back() };
        stands = step.is_ok_and(|step| step != Step::Asleep);
        third.notes.is_over()
    });
    Kind::Wedged.unless(is_over, || "he who lived does not come to the end of what he does".to_owned())
}

fn unstoppable(error: std::io::Error) -> Fault {
    Kind::Wedged.fault(format!("the node cannot be stopped: {error}"))
}

fn lost(error: std::io::Error) -> Fault {
    Kind::Wedged.fault(format!("nobody can be led on: {error}"))
}
