//! [`Campaign`]: the crew, its killer, and what is counted when the crew rests.

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use actor_core::pipe::pipe;
use actor_core::process::Process;
use actor_core::sync::Barrier;
use rustix::process::{Signal, pidfd_send_signal};

use super::commons::{Commons, PERMITS, check_killed};
use super::crew::{Post, Tool, work};
use super::maps::Maps;
use super::notes::Note;
use super::talk::Listener;
use crate::chance::Chance;
use crate::crash::{Budget, Fault, Kind, Plan, Tally};
use crate::watch::{bound, wait_for};

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Sharer,
    Waiter,
    Party,
    Talker,
}

/// Who sits where.
const CREW: [Role; 9] = [
    Role::Sharer,
    Role::Sharer,
    Role::Sharer,
    Role::Waiter,
    Role::Waiter,
    Role::Party,
    Role::Party,
    Role::Talker,
    Role::Talker,
];
/// One of the two mends the barrier.
const MENDER: usize = 5;
/// Where it is noted what the killer does himself.
const KILLER: usize = CREW.len();
/// The victim that is a worker of the pool.
const WORKER: usize = CREW.len();

/// After how many kills it is counted.
const ROUND: u64 = 250;
/// The time from one death to the next, at most.
const PAUSE: Duration = Duration::from_millis(1);
/// How many are killed at once, at most.
const TOGETHER: u64 = 4;
/// Within which everybody goes on after the last death.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// What is longer than this is not slow but wedged.
const WEDGED: Duration = Duration::from_secs(10);

pub(super) struct Campaign {
    commons: Commons,
    barrier: Barrier,
    maps: Maps,
    crew: Vec<Member>,
    chance: Chance,
    /// Who is stopped.
    stopped: Option<usize>,
    /// How many of those who change figures have been killed.
    sharers_killed: u64,
}

struct Member {
    process: Process<()>,
    /// Of whoever talks.
    listener: Option<Listener>,
}

impl Campaign {
    /// # Errors
    /// The crew does not get under way.
    pub(super) fn start(plan: &Plan) -> Result<Campaign, Fault> {
        let mut campaign = Campaign {
            commons: Commons::new(CREW.len() + 1),
            barrier: Barrier::new(2).expect("there is room for a barrier"),
            maps: Maps::start(),
            crew: Vec::new(),
            chance: Chance::new(plan.seed),
            stopped: None,
            sharers_killed: 0,
        };
        for seat in 0..CREW.len() {
            let seed = campaign.chance.any();
            let member = campaign.employ(seat, seed);
            campaign.crew.push(member);
        }
        campaign.goes_on().map(|()| campaign)
    }

    fn employ(&self, seat: usize, seed: u64) -> Member {
        let (tool, listener) = match CREW[seat] {
            Role::Sharer => (Tool::Nothing, None),
            Role::Waiter => (Tool::Patience, None),
            Role::Party => (Tool::Barrier { barrier: Box::new(self.barrier.clone()), mends: seat == MENDER }, None),
            Role::Talker => {
                let (here, there) = pipe().expect("there is room for a pipe");
                let before = self.commons.notes.of(seat, Note::Begun).load(SeqCst);
                (Tool::Pipe(Box::new(there)), Some(Listener::new(seat, before, here)))
            }
        };
        let post = Post { commons: self.commons.clone(), seat, seed, tool };
        Member { process: Process::spawn(work, post).expect("a process can be started"), listener }
    }

    pub(super) fn run(mut self, plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
        while plan.goes_on(tally) {
            let left = match plan.budget {
                Budget::Runs(runs) => runs - tally.runs,
                Budget::Time(_) => u64::MAX,
            };
            self.round(left.min(ROUND), tally)?;
        }
        self.end(tally)
    }

    /// Lets the crew work, kills so many of it, brings it to rest and counts.
    fn round(&mut self, kills: u64, tally: &mut Tally) -> Result<(), Fault> {
        let end = tally.kills + kills;
        while tally.kills < end {
            self.chance.pause(PAUSE);
            let together = 1 + self.chance.below(TOGETHER);
            self.kill_some(together.min(end - tally.kills), tally)?;
            if self.chance.once_in(8) {
                self.stop_one()?;
            }
        }
        self.continue_one()?;
        self.goes_on()?;
        self.rest()?;
        tally.runs = tally.kills;
        Ok(())
    }

    /// Kills so many at once, then puts others in their places.
    fn kill_some(&mut self, count: u64, tally: &mut Tally) -> Result<(), Fault> {
        let begin = Instant::now();
        let mut seats: [usize; CREW.len() + 1] = std::array::from_fn(|seat| seat);
        self.chance.shuffle(&mut seats);
        let mut victims = seats[..count as usize].to_vec();
        victims.retain(|seat| *seat != WORKER);
        if victims.len() < count as usize {
            tally.kills += u64::from(self.maps.kill_one(&mut self.chance));
        }
        for seat in &victims {
            self.signal(*seat, Signal::KILL)?;
            tally.kills += 1;
            self.sharers_killed += u64::from(CREW[*seat] == Role::Sharer);
        }
        self.replace(&victims, begin, tally)?;
        self.continue_one()
    }

    fn signal(&self, seat: usize, signal: Signal) -> Result<(), Fault> {
        let sentinel = self.crew[seat].process.sentinel().expect("there are descriptors");
        pidfd_send_signal(sentinel, signal).map_err(|_| self.obituary(seat))
    }

    /// Somebody makes no step any more, wherever he is, and is not dead. He may be killed like that.
    fn stop_one(&mut self) -> Result<(), Fault> {
        let seat = self.chance.below(CREW.len() as u64) as usize;
        self.signal(seat, Signal::STOP)?;
        self.stopped = Some(seat);
        Ok(())
    }

    fn continue_one(&mut self) -> Result<(), Fault> {
        self.stopped.take().map_or(Ok(()), |seat| self.signal(seat, Signal::CONT))
    }

    /// One thread for each of them: what takes the time is to wait for the node.
    fn replace(&mut self, victims: &[usize], begin: Instant, tally: &mut Tally) -> Result<(), Fault> {
        let jobs: Vec<_> = victims.iter().map(|seat| (*seat, self.chance.any())).collect();
        let dead: Vec<Option<Listener>> = victims.iter().map(|seat| self.crew[*seat].listener.take()).collect();
        let this = &*self;
        let successors: Vec<_> = thread::scope(|scope| {
            let replace = |((seat, seed), dead)| scope.spawn(move || this.replace_one(seat, seed, dead, begin));
            let threads: Vec<_> = jobs.iter().copied().zip(dead).map(replace).collect();
            threads.into_iter().map(|thread| thread.join().expect("a fault is no panic")).collect()
        });
        for (seat, successor) in victims.iter().zip(successors) {
            let (member, after) = successor?;
            tally.recovered_within(after);
            self.crew[*seat] = member;
        }
        Ok(())
    }

    fn replace_one(
        &self,
        seat: usize,
        seed: u64,
        listener: Option<Listener>,
        begin: Instant,
    ) -> Result<(Member, Duration), Fault> {
        let dead = &self.crew[seat].process;
        // What it has died of is in the report.
        let _ = dead.join_timeout(bound(WEDGED));
        check_killed("a join", dead.exit_report()).map_err(|_| self.obituary(seat))?;
        let after = begin.elapsed();
        if let Some(listener) = listener {
            listener.check_death(&self.commons.notes, seat, dead.id())?;
        }
        self.commons.notes.bury(seat);
        Ok((self.employ(seat, seed), after))
    }

    /// What has become of one who should live, or should be dead: what it says of itself if it has found
    /// something.
    fn obituary(&self, seat: usize) -> Fault {
        let report = self.crew[seat].process.exit_report().map(|report| report.to_string());
        let found = report.as_deref().and_then(Fault::in_text);
        found.unwrap_or_else(|| match report {
            Some(report) => Kind::Wedged.fault(format!("{:?} {seat} has ended by itself: {report}", CREW[seat])),
            None => Kind::Wedged.fault(format!("the death of {:?} {seat} is not told", CREW[seat])),
        })
    }

    /// Everybody makes another step.
    fn goes_on(&self) -> Result<(), Fault> {
        let steps = |seat: usize| self.commons.notes.of(seat, Note::Steps).load(SeqCst);
        let (before, maps) = (std::array::from_fn::<_, { CREW.len() }, _>(steps), self.maps.done());
        let stands = || (0..CREW.len()).find(|seat| steps(*seat) == before[*seat]);
        let all_go = wait_for(SOON, || (stands().is_none() && maps < self.maps.done()).then_some(()));
        self.expect(all_go.is_some(), || match stands() {
            Some(seat) => format!("{:?} {seat} stands still", CREW[seat]),
            None => "the pool stands still".to_owned(),
        })
    }

    /// It is so, or somebody does not go on; unless he is dead, and then of what he has found.
    fn expect(&self, is_so: bool, what: impl FnOnce() -> String) -> Result<(), Fault> {
        match (0..CREW.len()).find(|seat| !is_so && !self.crew[*seat].process.is_alive()) {
            Some(seat) => Err(self.obituary(seat)),
            None => Kind::Wedged.unless(is_so, || format!("{}: {:?}", what(), self.commons)),
        }
    }

    fn rest(&mut self) -> Result<(), Fault> {
        self.commons.gate.clear();
        let works = |seat: &usize| {
            matches!(CREW[*seat], Role::Sharer | Role::Talker)
                && self.commons.notes.of(*seat, Note::Rests).load(SeqCst) == 0
        };
        let busy = || (0..CREW.len()).find(works);
        let all_rest = wait_for(SOON, || busy().is_none().then_some(()));
        self.expect(all_rest.is_some(), || format!("{:?} does not come to rest", busy().map(|seat| CREW[seat])))?;
        self.count()?;
        self.wake_all()?;
        self.commons.gate.set();
        self.goes_on()
    }

    /// Nothing is lost of what was done, and nothing is held any more.
    fn count(&self) -> Result<(), Fault> {
        let (added, written) = (self.commons.added(bound(SOON)), self.commons.written(bound(SOON)));
        self.expect(added.is_some(), || "the mutex is not free".to_owned())?;
        self.expect(written.is_some(), || "the lock that is written is not free".to_owned())?;
        self.check_sum("added", added.unwrap_or_default(), Note::Added)?;
        self.check_sum("written", written.unwrap_or_default(), Note::Written)?;
        let permits = &self.commons.permits;
        let all_free = wait_for(SOON, || (permits.available() == PERMITS).then_some(()));
        self.expect(all_free.is_some(), || format!("{} of {PERMITS} permits are free", permits.available()))
    }

    /// The dead may not have noted what they did last.
    fn check_sum(&self, what: &str, is: u64, note: Note) -> Result<(), Fault> {
        let noted = self.commons.notes.sum(note);
        Kind::Lost.unless(noted <= is, || format!("{is} times was {what}, and noted {noted} times"))?;
        let most = noted + self.sharers_killed;
        Kind::Doubled.unless(is <= most, || format!("{is} times was {what}, and noted {noted} times"))
    }

    /// All who wait for tokens are asleep, nobody who is dead is among them, and each token wakes one.
    fn wake_all(&self) -> Result<(), Fault> {
        let arrival = &self.commons.arrival;
        let waiters = CREW.iter().filter(|role| **role == Role::Waiter).count();
        let state = || (self.commons.tokens_left(bound(SOON)), arrival.waiting());
        for _ in 0..3 {
            let all_wait = wait_for(SOON, || (state() == (Some(0), waiters)).then_some(()));
            self.expect(all_wait.is_some(), || format!("tokens and who waits for them: {:?}", state()))?;
            self.commons.give(KILLER);
        }
        Ok(())
    }

    /// Everybody leaves in order.
    fn end(self, tally: &mut Tally) -> Result<(), Fault> {
        self.commons.end();
        self.barrier.abort();
        for (seat, member) in self.crew.iter().enumerate() {
            member.process.join_timeout(bound(SOON)).map_err(|_| self.obituary(seat))?;
        }
        for listener in self.crew.into_iter().filter_map(|member| member.listener) {
            listener.check_end()?;
        }
        let (maps, workers) = self.maps.end()?;
        let told = self.commons.notes.sum(Note::Told);
        tally.remarks.push(format!("told        {told} times of a death by a lock or a barrier"));
        tally.remarks.push(format!("pool        {maps} maps, {workers} workers killed"));
        tally.remarks.push(format!(
            "changes     {}",
            self.commons.notes.sum(Note::Added) + self.commons.notes.sum(Note::Written)
        ));
        tally.remarks.push(format!("messages    {}", self.commons.notes.sum(Note::Begun)));
        // Nothing is wrong with what was killed then, but with the one who kills: he proves nothing.
        assert!(tally.kills / 50 <= told, "only {told} of {} deaths were felt", tally.kills);
        self.barrier.close();
        self.commons.close();
        Ok(())
    }
}
