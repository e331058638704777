//! What a [`Campaign`] checks when nobody is killed: that everybody goes on, comes to rest, and has done
//! what the books say.
//!
//! Nothing here kills, but for [`Campaign::check_room`], for which nobody may be at work.

use std::time::{Duration, Instant};

use actor_core::process::Process;
use actor_core::queue::Queue;

use super::books::{Audit, Phase};
use super::campaign::{CLERK, CREW, Campaign, KILLER, SOON, WEDGED, queue};
use crate::crash::{Fault, Kind};
use crate::memory;
use crate::message::Message;
use crate::watch::{self, Seen, bound, wait_for};

impl Campaign {
    /// INV5: all who can send do so.
    pub(super) fn goes_on(&self) -> Result<(), Fault> {
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

    pub(super) fn rest(&mut self) -> Result<(), Fault> {
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
    pub(super) fn drain_clerk(&self) -> Result<(), Fault> {
        let is_drained = || {
            let status = self.clerk.status().ok()?;
            (status.incarnation.is_some() && status.queued == 0 && status.handling.is_none()).then_some(())
        };
        self.expect(wait_for(SOON, is_drained).is_some(), || "the mailbox is not drained".into())?;
        self.books.done(CLERK, 0)
    }

    pub(super) fn audit(&mut self) -> Result<(), Fault> {
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
    pub(super) fn returns_memory(&self, max: u64) -> Result<(), Fault> {
        let is_back = wait_for(SOON, || (memory::shared() <= max).then_some(()));
        Kind::Orphan.unless(is_back.is_some(), || format!("INV6: {} bytes are in use, not {max}", memory::shared()))
    }

    /// INV6: there is room for exactly as many messages as in a queue that nobody has died with.
    pub(super) fn check_room(&mut self) -> Result<(), Fault> {
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
        self.employ_all()
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
