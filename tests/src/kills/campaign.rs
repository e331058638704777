//! [`Campaign`]: the crew, its killer, and the audits in between.

use std::time::{Duration, Instant};

use actor_core::node;
use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::queue::{Close, Options, Queue};
use actor_core::{ActorRef, ChildSpec, ExitReason, Intensity, Supervisor};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::books::{Audit, Books, Phase};
use super::crew::{Clerk, Post, Role};
use super::{Hits, Outcome, Plan};
use crate::chance::Chance;
use crate::message::Message;
use crate::watch::{self, bound, wait_for};
use crate::{memory, watch::Seen};

/// Who sits where. The actor and the killer have the seats behind.
const CREW: [Role; 7] =
    [Role::SmallSender, Role::LargeSender, Role::LargeSender, Role::Caller, Role::Holder, Role::Reader, Role::Reader];
const CLERK: usize = CREW.len();
const KILLER: usize = CLERK + 1;

const CAPACITY: usize = 48;
/// The time from one death to the next, at most.
const PAUSE: Duration = Duration::from_millis(2);
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

    pub(super) fn run(mut self, plan: &Plan) -> Outcome {
        let before = node::counters().expect("the node answers");
        // The first rest shows what there is when everything has been used once.
        self.round(0);
        let mut idle = u64::MAX;
        let _ = wait_for::<()>(SOON, || {
            idle = idle.min(memory::shared());
            None
        });
        while self.outcome.kills < plan.kills {
            self.round(plan.kills_per_round.min(plan.kills - self.outcome.kills));
        }
        self.returns_memory(idle + SLACK);
        let after = node::counters().expect("the node answers");
        self.outcome.hits = Hits::new(self.outcome.kills, before, after);
        assert_eq!(after.dead_letters, before.dead_letters, "INV1: no message is given up");
        self.check_room();
        self.end();
        self.outcome
    }

    /// Lets the system run, kills so many of it, brings it to rest and audits it.
    fn round(&mut self, kills: u64) {
        self.books.set_phase(Phase::Run);
        let end = self.outcome.kills + kills;
        while self.outcome.kills < end {
            self.chance.pause(PAUSE);
            let together = if self.chance.once_in(8) { 1 + self.chance.below(3) } else { 1 };
            self.kill_some(together.min(end - self.outcome.kills));
        }
        self.goes_on();
        self.rest();
        self.audit();
    }

    /// Kills so many at once, then puts others in their places.
    fn kill_some(&mut self, count: u64) {
        if self.chance.once_in(100) {
            self.kill_zygote();
        }
        let begin = Instant::now();
        let mut victims = Vec::new();
        while (victims.len() as u64) < count {
            let seat = self.chance.below(CREW.len() as u64 + 1) as usize;
            if seat == CLERK {
                let was_hit = u64::from(self.kill_clerk());
                self.outcome.kills += was_hit;
                self.consumer_deaths += was_hit;
                break;
            }
            if !victims.contains(&seat) {
                let sentinel = self.crew[seat].sentinel().expect("there are descriptors");
                pidfd_send_signal(sentinel, Signal::KILL).unwrap_or_else(|_| panic!("{}", self.obituary(seat)));
                victims.push(seat);
                self.outcome.kills += 1;
            }
        }
        self.replace(victims, begin);
    }

    fn replace(&mut self, victims: Vec<usize>, begin: Instant) {
        for seat in &victims {
            let died = self.crew[*seat].join_timeout(bound(WEDGED));
            let is_ours = self.crew[*seat]
                .exit_report()
                .is_some_and(|report| matches!(report.reason, ExitReason::Signaled { signal: 9, .. }));
            assert!(is_ours, "{:?} has ended by itself: {died:?}", CREW[*seat]);
        }
        self.outcome.recovery_max = self.outcome.recovery_max.max(begin.elapsed());
        for seat in victims {
            match CREW[seat].is_sender() {
                true => self.ends[seat].push(self.books.next(seat)),
                false => self.consumer_deaths += 1,
            }
            self.books.settle(seat);
            self.crew[seat] = self.employ(seat);
        }
    }

    /// What has become of one who should live.
    fn obituary(&self, seat: usize) -> String {
        let report = self.crew[seat].exit_report();
        format!("{:?} has ended by itself: {}", CREW[seat], report.map_or(String::new(), ToString::to_string))
    }

    /// The actor is the node's child: it is known by what it has said, and by its name. False: it was
    /// between two lives.
    fn kill_clerk(&self) -> bool {
        kill_if(self.books.pid(CLERK), |seen| seen.name.starts_with("clerk"))
    }

    fn kill_zygote(&mut self) {
        if let Some(zygote) = watch::zygote_of(std::process::id()) {
            let was_hit = kill_if(zygote.pid, |seen| seen.title == zygote.title);
            self.outcome.zygotes += u64::from(was_hit);
        }
    }

    /// INV5: all who can send do so.
    fn goes_on(&self) {
        let senders = || (0..CREW.len()).filter(|seat| CREW[*seat].is_sender());
        let before: Vec<u64> = senders().map(|seat| self.books.progress(seat)).collect();
        let stands =
            |(seat, before): &(usize, &u64)| self.books.progress(*seat) == **before && !self.books.is_full(*seat);
        let stands = || senders().zip(&before).find(stands);
        let all_go = wait_for(SOON, || stands().is_none().then_some(()));
        assert!(all_go.is_some(), "INV5: {:?} stands still, {}", stands().map(|(seat, _)| CREW[seat]), self.state());
    }

    fn rest(&mut self) {
        self.books.set_phase(Phase::Rest);
        let begin = Instant::now();
        let senders = || (0..CREW.len()).filter(|seat| CREW[*seat].is_sender());
        let busy = || senders().find(|seat| !self.books.is_at_rest(*seat));
        let all_rest = wait_for(SOON, || busy().is_none().then_some(()));
        assert!(
            all_rest.is_some(),
            "INV5: {:?} does not come to rest, {}",
            busy().map(|seat| CREW[seat]),
            self.state()
        );
        assert!(self.queue.join_timeout(bound(SOON)), "INV5: the queue is not drained, {}", self.state());
        self.drain_clerk();
        self.outcome.rest_max = self.outcome.rest_max.max(begin.elapsed());
        // Everybody is asleep now, and each message has to wake somebody.
        for _ in 0..CREW.len() {
            let number = self.books.begin(KILLER, 1).expect("there is room in the books").start;
            self.queue.send(Message::new(KILLER as u32, number, 20)).expect("the queue is open");
            self.books.sent(KILLER, number);
            assert!(self.queue.join_timeout(bound(SOON)), "INV5: nobody wakes up, {}", self.state());
        }
    }

    /// INV5 for the mailbox, whose last message nobody but the next would write down as done.
    fn drain_clerk(&self) {
        let is_drained = || {
            let status = self.clerk.status().ok()?;
            (status.incarnation.is_some() && status.queued == 0 && status.handling.is_none()).then_some(())
        };
        let drained = wait_for(SOON, is_drained);
        assert!(drained.is_some(), "INV5: the mailbox is not drained, {}", self.state());
        self.books.done(CLERK, 0).unwrap_or_else(|why| panic!("{why}"));
    }

    fn audit(&mut self) {
        for (seat, process) in self.crew.iter().enumerate() {
            assert!(process.is_alive(), "{}", self.obituary(seat));
        }
        // That a message is done is written down after the queue knows.
        let writes = || (0..CREW.len()).find(|seat| !CREW[*seat].is_sender() && self.books.has_in_hand(*seat));
        assert!(wait_for(SOON, || writes().is_none().then_some(())).is_some(), "INV5: {:?}", writes());
        let mut audit = Audit::default();
        for seat in (0..CREW.len()).filter(|seat| CREW[*seat].is_sender()).chain([KILLER]) {
            let ends = self.ends.get_mut(seat).map(std::mem::take).unwrap_or_default();
            audit += self.books.audit(seat, &ends).unwrap_or_else(|why| panic!("{why}"));
        }
        let deaths = std::mem::take(&mut self.consumer_deaths);
        assert!(audit.unwritten <= deaths, "INV2: {} unwritten deliveries, {deaths} deaths", audit.unwritten);
        assert!(audit.unsure <= deaths, "INV1: {} may be done, {deaths} deaths", audit.unsure);
        self.outcome.audit += audit;
        self.check_maps();
    }

    /// INV7. When nobody is being spawned, all who have the memory are known.
    fn check_maps(&self) {
        let known: Vec<u32> =
            self.crew.iter().map(Process::pid).chain([std::process::id(), self.books.pid(CLERK)]).collect();
        let zygote = watch::zygote_of(std::process::id()).map(|seen| seen.pid);
        let strangers = watch::processes().into_iter().filter(|seen| {
            !known.contains(&seen.pid) && Some(seen.pid) != zygote && memory::has_mapped_segment(seen.pid)
        });
        let strangers: Vec<Seen> = strangers.collect();
        assert!(strangers.is_empty(), "INV7: {strangers:?}");
    }

    /// INV6: memory that was needed for a while is given back.
    fn returns_memory(&self, max: u64) {
        let is_back = wait_for(SOON, || (memory::shared() <= max).then_some(()));
        assert!(is_back.is_some(), "INV6: {} bytes are in use, not {max}", memory::shared());
    }

    /// INV6: there is room for exactly as many messages as in a queue that nobody has died with.
    fn check_room(&mut self) {
        for seat in 0..CREW.len() {
            let sentinel = self.crew[seat].sentinel().expect("there are descriptors");
            pidfd_send_signal(sentinel, Signal::KILL).unwrap_or_else(|_| panic!("{}", self.obituary(seat)));
            self.crew[seat].join_timeout(bound(WEDGED)).expect_err("it was killed");
        }
        assert!(self.queue.join_timeout(Duration::ZERO), "INV1: all was done before");
        let fresh = queue();
        for length in [10, 60_000] {
            assert_eq!(room(&self.queue, length), room(&fresh, length), "INV6: for messages of {length} bytes");
        }
        self.crew = (0..CREW.len()).map(|seat| self.employ(seat)).collect();
    }

    /// Everybody leaves in order.
    fn end(&mut self) {
        self.books.set_phase(Phase::Run);
        self.goes_on();
        self.books.set_phase(Phase::End);
        self.queue.close(Close::Drain);
        for (seat, process) in self.crew.iter().enumerate() {
            let left = process.join_timeout(bound(SOON));
            assert_eq!(left, Ok(()), "INV5: {:?} does not end", CREW[seat]);
        }
        assert!(self.queue.join_timeout(Duration::ZERO), "all is received before the end");
        self.drain_clerk();
        self.supervisor.stop_timeout(WEDGED).expect("an actor can be stopped");
        for seat in (0..CREW.len()).filter(|seat| CREW[*seat].is_sender()) {
            let audit = self.books.audit(seat, &[]).unwrap_or_else(|why| panic!("{why}"));
            self.outcome.audit += audit;
        }
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

/// SIGKILL for the process with this number, if it is the one that is meant.
fn kill_if(pid: u32, is_meant: impl Fn(&Seen) -> bool) -> bool {
    let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    let Ok(pidfd) = pidfd_open(number, PidfdFlags::empty()) else { return false };
    // Looked at after it was opened: the number could have become another's before.
    let is_it =
        Seen::of(pid).is_some_and(|seen| seen.parent == std::process::id() && !seen.is_zombie() && is_meant(&seen));
    is_it && pidfd_send_signal(&pidfd, Signal::KILL).is_ok()
}
