//! [`Campaign`]: the crew, its killer, and the audits in between.

use std::time::{Duration, Instant};

use actor_core::node;
use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::queue::{Close, Options, Queue};
use actor_core::{ActorRef, ChildSpec, ExitReason, Intensity, Supervisor};
use rustix::process::{Signal, pidfd_send_signal};

use super::books::{Audit, Books, Phase};
use super::crew::{Clerk, Post, Role};
use super::{Hits, Outcome};
use crate::chance::Chance;
use crate::crash::signals::signal_if;
use crate::crash::{Budget, Fault, Kind, Plan, Tally};
use crate::message::Message;
use crate::watch::{self, bound, wait_for};
use crate::{memory, watch::Seen};

/// Who sits where. The actor and the killer have the seats behind.
const CREW: [Role; 7] =
    [Role::SmallSender, Role::LargeSender, Role::LargeSender, Role::Caller, Role::Holder, Role::Reader, Role::Reader];
const CLERK: usize = CREW.len();
const KILLER: usize = CLERK + 1;

const CAPACITY: usize = 48;
/// After how many kills the books are audited.
const ROUND: u64 = 500;
/// The time from one death to the next, at most.
const PAUSE: Duration = Duration::from_millis(1);
/// How many are killed at once, at most.
const TOGETHER: u64 = 4;
/// Within which everybody goes on after the last fault.
const SOON: Duration = Duration::from_secs(1);
/// What is longer than this is not slow but wedged.
const WEDGED: Duration = Duration::from_secs(10);

/// What a few more processes at once than at first may take: 16 KiB each for its record, and some more
/// for the answers to one who calls. Far less than a page for each of a thousand deaths.
const SLACK: u64 = 192 << 10;

pub(super) struct Campaign {
    books: Books,
    queue: Queue<Message>,
    supervisor: Supervisor,
    clerk: ActorRef<Clerk>,
    crew: Vec<Process<()>>,
    chance: Chance,
    /// The numbers with which lives of senders have ended since the last audit.
    ends: Vec<Vec<u64>>,
    /// Consumers that have died since the last audit, the actor among them.
    consumer_deaths: u64,
    /// Who is stopped.
    stopped: Option<usize>,
    outcome: Outcome,
}

fn queue() -> Queue<Message> {
    let options = Options { message_max: 70_000, bytes: 1 << 20, ..Options::new(CAPACITY) };
    options.create().expect("there is room for a queue")
}

impl Campaign {
    pub(super) fn start(plan: &Plan) -> Campaign {
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
        campaign.crew = (0..CREW.len()).map(|seat| campaign.employ(seat)).collect();
        campaign
    }

    fn employ(&mut self, seat: usize) -> Process<()> {
        let (books, queue, clerk) = (self.books.clone(), self.queue.clone(), self.clerk);
        let seed = self.chance.any();
        // Once more when it was the zygote's turn to die.
        let spawned = wait_for(WEDGED, || {
            let post = Post { books: books.clone(), queue: queue.clone(), clerk, seat, seed };
            Process::spawn(CREW[seat].work(), post).ok()
        });
        spawned.expect("a process can be spawned")
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
        let mut victims = Vec::new();
        while (victims.len() as u64) < count {
            let seat = self.chance.below(CREW.len() as u64 + 1) as usize;
            if seat == CLERK {
                let was_hit = u64::from(self.kill_clerk());
                tally.kills += was_hit;
                self.consumer_deaths += was_hit;
                break;
            }
            if !victims.contains(&seat) {
                self.kill(seat)?;
                victims.push(seat);
                tally.kills += 1;
            }
        }
        self.replace(victims, begin, tally)?;
        self.continue_one()
    }

    fn kill(&self, seat: usize) -> Result<(), Fault> {
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

    fn replace(&mut self, victims: Vec<usize>, begin: Instant, tally: &mut Tally) -> Result<(), Fault> {
        for seat in &victims {
            // What it has died of is in the report.
            let _ = self.crew[*seat].join_timeout(bound(WEDGED));
            let is_ours = self.crew[*seat]
                .exit_report()
                .is_some_and(|report| matches!(report.reason, ExitReason::Signaled { signal: 9, .. }));
            if !is_ours {
                return Err(self.obituary(*seat));
            }
        }
        tally.recovered_within(begin.elapsed());
        for seat in victims {
            match CREW[seat].is_sender() {
                true => self.ends[seat].push(self.books.next(seat)),
                false => self.consumer_deaths += 1,
            }
            self.books.settle(seat);
            self.crew[seat] = self.employ(seat);
        }
        Ok(())
    }

    /// What has become of one who should live, or should be dead: what it says of itself if it has found
    /// something.
    fn obituary(&self, seat: usize) -> Fault {
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

    /// INV5: all who can send do so.
    fn goes_on(&self) -> Result<(), Fault> {
        let senders = || (0..CREW.len()).filter(|seat| CREW[*seat].is_sender());
        let before: Vec<u64> = senders().map(|seat| self.books.progress(seat)).collect();
        let stands =
            |(seat, before): &(usize, &u64)| self.books.progress(*seat) == **before && !self.books.is_full(*seat);
        let stands = || senders().zip(&before).find(stands);
        let all_go = wait_for(SOON, || stands().is_none().then_some(()));
        self.expect(all_go.is_some(), || format!("{:?} stands still", stands().map(|(seat, _)| CREW[seat])))
    }

    /// INV5: it is so, or somebody does not go on; unless he is dead, and then of what he has found.
    fn expect(&self, is_so: bool, what: impl FnOnce() -> String) -> Result<(), Fault> {
        match (0..CREW.len()).find(|seat| !is_so && !self.crew[*seat].is_alive()) {
            Some(seat) => Err(self.obituary(seat)),
            None => Kind::Wedged.unless(is_so, || format!("INV5: {}, {}", what(), self.state())),
        }
    }

    fn rest(&mut self) -> Result<(), Fault> {
        self.books.set_phase(Phase::Rest);
        let begin = Instant::now();
        let senders = || (0..CREW.len()).filter(|seat| CREW[*seat].is_sender());
        let busy = || senders().find(|seat| !self.books.is_at_rest(*seat));
        let all_rest = wait_for(SOON, || busy().is_none().then_some(()));
        self.expect(all_rest.is_some(), || format!("{:?} does not come to rest", busy().map(|seat| CREW[seat])))?;
        self.expect(self.queue.join_timeout(bound(SOON)), || "the queue is not drained".into())?;
        self.drain_clerk()?;
        self.outcome.rest_max = self.outcome.rest_max.max(begin.elapsed());
        // Everybody is asleep now, and each message has to wake somebody.
        for _ in 0..CREW.len() {
            let number = self.books.begin(KILLER, 1).expect("there is room in the books").start;
            self.queue.send(Message::new(KILLER as u32, number, 20)).expect("the queue is open");
            self.books.sent(KILLER, number);
            self.expect(self.queue.join_timeout(bound(SOON)), || "nobody wakes up".into())?;
        }
        Ok(())
    }

    /// INV5 for the mailbox, whose last message nobody but the next would write down as done.
    fn drain_clerk(&self) -> Result<(), Fault> {
        let is_drained = || {
            let status = self.clerk.status().ok()?;
            (status.incarnation.is_some() && status.queued == 0 && status.handling.is_none()).then_some(())
        };
        self.expect(wait_for(SOON, is_drained).is_some(), || "the mailbox is not drained".into())?;
        self.books.done(CLERK, 0)
    }

    fn audit(&mut self) -> Result<(), Fault> {
        for (seat, process) in self.crew.iter().enumerate() {
            if !process.is_alive() {
                return Err(self.obituary(seat));
            }
        }
        // That a message is done is written down after the queue knows.
        let writes = || (0..CREW.len()).find(|seat| !CREW[*seat].is_sender() && self.books.has_in_hand(*seat));
        let all_written = wait_for(SOON, || writes().is_none().then_some(()));
        self.expect(all_written.is_some(), || format!("{:?} does not finish", writes().map(|seat| CREW[seat])))?;
        let mut audit = Audit::default();
        for seat in (0..CREW.len()).filter(|seat| CREW[*seat].is_sender()).chain([KILLER]) {
            let ends = self.ends.get_mut(seat).map(std::mem::take).unwrap_or_default();
            audit += self.books.audit(seat, &ends)?;
        }
        let deaths = std::mem::take(&mut self.consumer_deaths);
        let (unwritten, unsure) = (audit.unwritten, audit.unsure);
        Kind::Doubled.unless(unwritten <= deaths, || format!("INV2: {unwritten} unwritten, {deaths} deaths"))?;
        Kind::Lost.unless(unsure <= deaths, || format!("INV1: {unsure} may be done, {deaths} deaths"))?;
        self.outcome.audit += audit;
        self.check_maps()
    }

    /// INV7. When nobody is being spawned, all who have the memory are known.
    fn check_maps(&self) -> Result<(), Fault> {
        let known: Vec<u32> =
            self.crew.iter().map(Process::pid).chain([std::process::id(), self.books.pid(CLERK)]).collect();
        let zygote = watch::zygote_of(std::process::id()).map(|seen| seen.pid);
        let strangers = watch::processes().into_iter().filter(|seen| {
            !known.contains(&seen.pid) && Some(seen.pid) != zygote && memory::has_mapped_segment(seen.pid)
        });
        let strangers: Vec<Seen> = strangers.collect();
        Kind::Orphan.unless(strangers.is_empty(), || format!("INV7: {strangers:?}"))
    }

    /// INV6: memory that was needed for a while is given back.
    fn returns_memory(&self, max: u64) -> Result<(), Fault> {
        let is_back = wait_for(SOON, || (memory::shared() <= max).then_some(()));
        Kind::Orphan.unless(is_back.is_some(), || format!("INV6: {} bytes are in use, not {max}", memory::shared()))
    }

    /// INV6: there is room for exactly as many messages as in a queue that nobody has died with.
    fn check_room(&mut self) -> Result<(), Fault> {
        for seat in 0..CREW.len() {
            self.kill(seat)?;
            self.crew[seat].join_timeout(bound(WEDGED)).expect_err("it was killed");
        }
        Kind::Lost.unless(self.queue.join_timeout(Duration::ZERO), || "INV1: all was done before".into())?;
        let fresh = queue();
        for length in [10, 60_000] {
            let (room, expected) = (room(&self.queue, length), room(&fresh, length));
            let what = || format!("INV6: {room} messages of {length} bytes fit, not {expected}");
            Kind::Orphan.unless(room == expected, what)?;
        }
        self.crew = (0..CREW.len()).map(|seat| self.employ(seat)).collect();
        Ok(())
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

    fn state(&self) -> String {
        let living = self.crew.iter().enumerate().map(|(seat, process)| (CREW[seat], process.is_alive()));
        format!("{:?}, {:?}, {:?}", self.queue, living.collect::<Vec<_>>(), self.clerk.status())
    }
}

/// How many messages fit; it is empty again afterwards.
fn room(queue: &Queue<Message>, length: usize) -> usize {
    let fits = |number: &u32| queue.try_send(Message::new(KILLER as u32, *number, length)).is_ok();
    let count = (0..).take_while(fits).count();
    assert!((0..count).all(|_| queue.try_recv().is_ok_and(|message| message.is_whole())));
    count
}
