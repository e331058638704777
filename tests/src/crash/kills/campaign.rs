//! [`Campaign`]: the crew, its killer, and the audits in between.

use std::thread;
use std::time::{Duration, Instant};

use actor_core::node;
use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::queue::{Close, Options, Queue};
use actor_core::{ActorRef, ChildSpec, ExitReason, ExitReport, Intensity, Supervisor};
use rustix::process::{Signal, pidfd_send_signal};

use super::books::{Books, Phase};
use super::crew::{Clerk, Post, Role};
use super::{Hits, Outcome};
use crate::chance::Chance;
use crate::crash::signals::signal_if;
use crate::crash::{Budget, Fault, Kind, Plan, Tally};
use crate::memory;
use crate::message::Message;
use crate::watch::{self, bound, wait_for};

/// Who sits where. The actor and the killer have the seats behind.
pub(super) const CREW: [Role; 7] =
    [Role::SmallSender, Role::LargeSender, Role::LargeSender, Role::Caller, Role::Holder, Role::Reader, Role::Reader];
pub(super) const CLERK: usize = CREW.len();
pub(super) const KILLER: usize = CLERK + 1;

const CAPACITY: usize = 48;
/// After how many kills the books are audited.
const ROUND: u64 = 500;
/// The time from one death to the next, at most.
const PAUSE: Duration = Duration::from_micros(300);
/// How many are killed at once, at most.
const TOGETHER: u64 = 6;
/// Within which everybody goes on after the last fault.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// What is longer than this is not slow but wedged.
pub(super) const WEDGED: Duration = Duration::from_secs(10);

/// What more may be in use than at first: 16 KiB for the record of each process that is not quite gone when
/// its successor is there, and as much for the answers to each thread that waits for one, and to one who
/// calls. Far less than a page for each of a thousand deaths.
const SLACK: u64 = 192 << 10;

pub(super) struct Campaign {
    pub(super) books: Books,
    pub(super) queue: Queue<Message>,
    pub(super) supervisor: Supervisor,
    pub(super) clerk: ActorRef<Clerk>,
    pub(super) crew: Vec<Process<()>>,
    pub(super) chance: Chance,
    /// The numbers with which lives of senders have ended since the last audit.
    pub(super) ends: Vec<Vec<u64>>,
    /// Consumers that have died since the last audit, the actor among them.
    pub(super) consumer_deaths: u64,
    /// Who is stopped.
    pub(super) stopped: Option<usize>,
    pub(super) outcome: Outcome,
}

/// Who sits where somebody has died.
struct Successor {
    process: Process<()>,
    /// The number with which the life before has ended.
    end: u64,
    /// The time from the death to its being told.
    after: Duration,
}

pub(super) fn queue() -> Queue<Message> {
    let options = Options { message_max: 70_000, bytes: 1 << 20, ..Options::new(CAPACITY) };
    options.create().expect("there is room for a queue")
}

impl Campaign {
    /// # Errors
    /// The system does not get under way.
    pub(super) fn start(plan: &Plan) -> Result<Campaign, Fault> {
        let (books, queue) = (Books::new(), queue());
        let often = Intensity { restarts: u32::MAX, period: Duration::from_millis(1) };
        let mut supervisor = Supervisor::builder().intensity(often);
        let spec = ChildSpec::new(Clerk::define((books.clone(), CLERK)));
        let clerk = supervisor.child(spec).expect("an actor can be made");
        let supervisor = supervisor.start().expect("an actor can be started");
        let mut campaign = Campaign {
            books,
            queue,
            supervisor,
            clerk,
            crew: Vec::new(),
            chance: Chance::new(plan.seed),
            ends: vec![Vec::new(); CREW.len()],
            consumer_deaths: 0,
            stopped: None,
            outcome: Outcome::default(),
        };
        campaign.employ_all().map(|()| campaign)
    }

    pub(super) fn employ_all(&mut self) -> Result<(), Fault> {
        let seeds: [u64; CREW.len()] = std::array::from_fn(|_| self.chance.any());
        self.crew = (0..CREW.len()).map(|seat| self.employ(seat, seeds[seat])).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn employ(&self, seat: usize, seed: u64) -> Result<Process<()>, Fault> {
        // Once more when it was the zygote's turn to die.
        let spawned = wait_for(WEDGED, || {
            let post = Post { books: self.books.clone(), queue: self.queue.clone(), clerk: self.clerk, seat, seed };
            Process::spawn(CREW[seat].work(), post).ok()
        });
        spawned.ok_or_else(|| Kind::Wedged.fault("INV5: no process can be spawned"))
    }

    pub(super) fn run(mut self, plan: &Plan, tally: &mut Tally) -> Result<Outcome, Fault> {
        let before = node::counters().expect("the node answers");
        // The first rest shows what there is when everything has been used once.
        self.round(0, tally)?;
        let mut idle = u64::MAX;
        let _ = wait_for::<()>(SOON, || {
            idle = idle.min(memory::shared());
            None
        });
        while plan.goes_on(tally) {
            let left = match plan.budget {
                Budget::Runs(runs) => runs - tally.runs,
                Budget::Time(_) => u64::MAX,
            };
            self.round(left.min(ROUND), tally)?;
        }
        self.returns_memory(idle + SLACK)?;
        let after = node::counters().expect("the node answers");
        self.outcome.hits = Hits::new(tally.kills, before, after);
        Kind::Lost.unless(after.dead_letters == before.dead_letters, || "INV1: a message is given up".into())?;
        self.check_room()?;
        self.end()?;
        Ok(self.outcome)
    }

    /// Lets the system run, kills so many of it, brings it to rest and audits it.
    fn round(&mut self, kills: u64, tally: &mut Tally) -> Result<(), Fault> {
        self.books.set_phase(Phase::Run);
        let end = tally.kills + kills;
        while tally.kills < end {
            self.chance.pause(PAUSE);
            let together = 1 + self.chance.below(TOGETHER);
            self.kill_some(together.min(end - tally.kills), tally)?;
            if self.chance.once_in(4) {
                self.stop_one()?;
            }
        }
        self.continue_one()?;
        self.goes_on()?;
        self.rest()?;
        self.audit()?;
        tally.runs = tally.kills;
        Ok(())
    }

    /// Kills so many at once, then puts others in their places.
    fn kill_some(&mut self, count: u64, tally: &mut Tally) -> Result<(), Fault> {
        if self.chance.once_in(100) {
            self.kill_zygote();
        }
        let begin = Instant::now();
        let mut seats: [usize; CREW.len() + 1] = std::array::from_fn(|seat| seat);
        self.chance.shuffle(&mut seats);
        let mut victims = seats[..count as usize].to_vec();
        for seat in &victims {
            if *seat == CLERK {
                let was_hit = u64::from(self.kill_clerk());
                tally.kills += was_hit;
                self.consumer_deaths += was_hit;
            } else {
                self.kill(*seat)?;
                tally.kills += 1;
            }
        }
        victims.retain(|seat| *seat != CLERK);
        self.replace(&victims, begin, tally)?;
        self.continue_one()
    }

    pub(super) fn kill(&self, seat: usize) -> Result<(), Fault> {
        self.signal(seat, Signal::KILL)
    }

    fn signal(&self, seat: usize, signal: Signal) -> Result<(), Fault> {
        let sentinel = self.crew[seat].sentinel().expect("there are descriptors");
        pidfd_send_signal(sentinel, signal).map_err(|_| self.obituary(seat))
    }

    /// Somebody makes no step any more, wherever he is, and is not dead. He may be killed like that.
    fn stop_one(&mut self) -> Result<(), Fault> {
        let seat = self.chance.below(CREW.len() as u64) as usize;
        self.signal(seat, Signal::STOP)?;
        self.stopped = Some(seat);
        self.outcome.stops += 1;
        Ok(())
    }

    fn continue_one(&mut self) -> Result<(), Fault> {
        self.stopped.take().map_or(Ok(()), |seat| self.signal(seat, Signal::CONT))
    }

    /// One thread for each of them: what takes the time is to wait for the node.
    fn replace(&mut self, victims: &[usize], begin: Instant, tally: &mut Tally) -> Result<(), Fault> {
        let seeds: Vec<u64> = victims.iter().map(|_| self.chance.any()).collect();
        let this = &*self;
        let successors: Vec<_> = thread::scope(|scope| {
            let replace = |(seat, seed): (&usize, u64)| {
                let seat = *seat;
                scope.spawn(move || this.replace_one(seat, seed, begin))
            };
            let threads: Vec<_> = victims.iter().zip(seeds).map(replace).collect();
            threads.into_iter().map(|thread| thread.join().expect("a fault is no panic")).collect()
        });
        for (seat, successor) in victims.iter().zip(successors) {
            let Successor { process, end, after } = successor?;
            tally.recovered_within(after);
            match CREW[*seat].is_sender() {
                true => self.ends[*seat].push(end),
                false => self.consumer_deaths += 1,
            }
            self.crew[*seat] = process;
        }
        Ok(())
    }

    fn replace_one(&self, seat: usize, seed: u64, begin: Instant) -> Result<Successor, Fault> {
        let dead = &self.crew[seat];
        // What it has died of is in the report.
        let _ = dead.join_timeout(bound(WEDGED));
        let was_killed = |report: &ExitReport| matches!(report.reason, ExitReason::Signaled { signal: 9, .. });
        if !dead.exit_report().is_some_and(was_killed) {
            return Err(self.obituary(seat));
        }
        let after = begin.elapsed();
        let end = self.books.next(seat);
        self.books.settle(seat);
        Ok(Successor { process: self.employ(seat, seed)?, end, after })
    }

    /// What has become of one who should live, or should be dead: what it says of itself if it has found
    /// something.
    pub(super) fn obituary(&self, seat: usize) -> Fault {
        let report = self.crew[seat].exit_report().map(ToString::to_string);
        let found = report.as_deref().and_then(Fault::in_text);
        found.unwrap_or_else(|| match report {
            Some(report) => Kind::Wedged.fault(format!("{:?} has ended by itself: {report}", CREW[seat])),
            None => Kind::Wedged.fault(format!("INV5: the death of {:?} is not told", CREW[seat])),
        })
    }

    /// The actor is the node's child: it is known by what it has said, and by its name. False: it was
    /// between two lives.
    fn kill_clerk(&self) -> bool {
        signal_if(self.books.pid(CLERK), Signal::KILL, |seen| seen.name.starts_with("clerk"))
    }

    fn kill_zygote(&mut self) {
        if let Some(zygote) = watch::zygote_of(std::process::id()) {
            let was_hit = signal_if(zygote.pid, Signal::KILL, |seen| seen.title == zygote.title);
            self.outcome.zygotes += u64::from(was_hit);
        }
    }

    /// Everybody leaves in order.
    fn end(&mut self) -> Result<(), Fault> {
        self.books.set_phase(Phase::Run);
        self.goes_on()?;
        self.books.set_phase(Phase::End);
        self.queue.close(Close::Drain);
        for (seat, process) in self.crew.iter().enumerate() {
            match process.join_timeout(bound(SOON)) {
                Ok(()) => {}
                Err(_) => return Err(self.obituary(seat)),
            }
        }
        Kind::Lost.unless(self.queue.join_timeout(Duration::ZERO), || "INV1: all is received before the end".into())?;
        self.drain_clerk()?;
        self.supervisor.stop_timeout(WEDGED).expect("an actor can be stopped");
        for seat in (0..CREW.len()).filter(|seat| CREW[*seat].is_sender()) {
            let audit = self.books.audit(seat, &[])?;
            self.outcome.audit += audit;
        }
        Ok(())
    }
}
