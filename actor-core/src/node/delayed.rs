//! Messages that are to be sent later: held here, and posted when their time has come.
//!
//! One that is due goes into the mailbox of its actor like any message, and is out of reach then. Where there
//! is no room, nobody waits: the messages for that actor stand in a line, which is tried again after a pause.
//! Whoever stands there for longer than his sender would have waited becomes a dead letter, and so does
//! what is for an actor that has ended for good, as soon as it has.
//!
//! A message goes with the process that has set it, unless that asked for it to survive. Each process has an
//! account, so nobody fills the node's memory, and nobody takes the room of others. When what is due, the
//! [`Timetable`] knows. Nothing here starts, stops or wakes anybody.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::reap::index_of;
use super::request::{Answer, LATER_BYTES_MAX, LATER_PERIOD_MIN, LaterSpec};
use super::settle::Why;
use super::thread::Node;
use super::timers::Timer;
use crate::core::Timetable;
use crate::exit::ExitReport;
use crate::id::{ActorId, Participant, ProcessId};
use crate::mailbox::{Envelope, PostError, ReplyAddress};
use crate::time::{Deadline, Moment};

/// Messages of one process that can wait here, and of all processes together those that survive them.
const MESSAGES_MAX: usize = 1 << 16;
/// Bytes of those of one process.
const BYTES_MAX: usize = 16 << 20;
/// Bytes of those that survive.
const SURVIVING_BYTES_MAX: usize = 64 << 20;
/// What is posted before everything else has its turn: a few tenths of a millisecond.
const POSTS_PER_TURN: usize = 256;
const BYTES_PER_TURN: usize = 4 << 20;
/// How soon to try again where there was no room, at first and at last.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// All messages that wait here.
#[derive(Default)]
pub(super) struct Outbox {
    timetable: Timetable,
    messages: BTreeMap<u64, Message>,
    /// By who has set them; nobody for those that survive.
    accounts: BTreeMap<Option<ProcessId>, Account>,
    /// By the actor that they are for.
    targets: BTreeMap<u16, BTreeSet<u64>>,
    /// Those that are due and found no room, by actor.
    lines: BTreeMap<u16, Line>,
}

struct Message {
    to: ActorId,
    envelope: Envelope,
    payload: Vec<u8>,
    /// How long to wait for room.
    patience: Duration,
    owner: Option<ProcessId>,
}

#[derive(Default)]
struct Account {
    numbers: BTreeSet<u64>,
    bytes: usize,
}

/// Numbers of messages, the earliest first, and until when each waits. One that was cancelled stays until
/// the next try.
struct Line {
    waiting: VecDeque<(u64, Option<Instant>)>,
    pause: Duration,
    /// When to try again.
    again: Instant,
}

/// What came of an attempt to post.
enum Posted {
    Yes,
    NoRoom,
    /// It never will be, for this reason.
    Never(String),
}

impl Outbox {
    /// Takes a message. `None`: its sender has as many as he may have.
    fn put(&mut self, spec: LaterSpec) -> Option<u64> {
        let owner = (!spec.survives).then_some(spec.by);
        let bytes_max = if spec.survives { SURVIVING_BYTES_MAX } else { BYTES_MAX };
        let (count, bytes) = self.accounts.get(&owner).map_or((0, 0), |account| (account.numbers.len(), account.bytes));
        if MESSAGES_MAX <= count || bytes_max < bytes + spec.payload.0.len() {
            return None;
        }
        let number = self.timetable.set(spec.at.and_then(Moment::to_instant), spec.period);
        let account = self.accounts.entry(owner).or_default();
        account.bytes += spec.payload.0.len();
        account.numbers.insert(number);
        self.targets.entry(index_of(spec.to)).or_default().insert(number);
        let LaterSpec { to, life, handler, on_crash, patience, payload, .. } = spec;
        let envelope = Envelope { handler, on_crash, life, ..Envelope::plain(Participant::NODE, None) };
        self.messages.insert(number, Message { to, envelope, payload: payload.0, patience, owner });
        Some(number)
    }

    /// Gives a message away, with all that is known of it here.
    fn take(&mut self, number: u64) -> Option<Message> {
        let message = self.messages.remove(&number)?;
        self.timetable.cancel(number);
        if let Some(account) = self.accounts.get_mut(&message.owner) {
            account.numbers.remove(&number);
            account.bytes -= message.payload.len();
            if account.numbers.is_empty() {
                self.accounts.remove(&message.owner);
            }
        }
        let index = index_of(message.to);
        if let Some(numbers) = self.targets.get_mut(&index) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.targets.remove(&index);
            }
        }
        Some(message)
    }

    /// What was due is done with. A periodic message stays for its next time.
    fn settle(&mut self, number: u64) {
        if self.timetable.contains(number) {
            self.timetable.release(number);
        } else {
            self.take(number);
        }
    }

    /// A message that is due has to wait for room.
    fn stand_in_line(&mut self, index: u16, number: u64, until: Option<Instant>) {
        let line = Line { waiting: VecDeque::new(), pause: PAUSE_MIN, again: Instant::now() + PAUSE_MIN };
        self.lines.entry(index).or_insert(line).waiting.push_back((number, until));
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }
}

impl Node {
    /// Takes a message to be sent later, unless whoever asks does not learn that.
    pub(super) fn set_later(&mut self, spec: LaterSpec, reply: Option<ReplyAddress>) {
        let is_known = self.actors.get(&index_of(spec.to)).is_some_and(|actor| actor.mailbox.id() == spec.to);
        if !is_known || !self.lives(spec.by) {
            return self.answer(reply, &Answer::NoProc);
        }
        // Looked at by the one who asks, if he is in his right mind.
        if LATER_BYTES_MAX < spec.payload.0.len() || spec.period.is_some_and(|period| period.every < LATER_PERIOD_MIN) {
            return self.refuse(reply, "the message is too large, or its period too short");
        }
        match self.outbox.put(spec) {
            Some(number) => {
                if !self.deliver(reply, &Answer::Later { number }) {
                    self.outbox.take(number);
                }
            }
            None => self.answer(reply, &Answer::TooMany),
        }
    }

    pub(super) fn cancel_later(&mut self, number: u64, reply: Option<ReplyAddress>) {
        let taken = self.outbox.take(number);
        self.answer(reply, if taken.is_some() { &Answer::Done } else { &Answer::NoProc });
    }

    /// Whoever has set these messages has ended.
    pub(super) fn forget_later_of(&mut self, dead: ProcessId) {
        let account = self.outbox.accounts.get(&Some(dead));
        let numbers: Vec<u64> = account.map(|account| account.numbers.iter().copied().collect()).unwrap_or_default();
        numbers.into_iter().for_each(|number| drop(self.outbox.take(number)));
    }

    /// An actor has ended for good. What was to be sent to it will be read by nobody.
    pub(super) fn refuse_later_to(&mut self, index: u16, report: &ExitReport) {
        self.outbox.lines.remove(&index);
        let numbers = self.outbox.targets.get(&index).cloned().unwrap_or_default();
        for number in numbers {
            self.bury_later(number, format!("the actor has ended: {}", report.reason));
        }
    }

    /// Makes a dead letter of a message that will never be sent any more.
    fn bury_later(&mut self, number: u64, text: String) {
        if let Some(Message { to, envelope, payload, .. }) = self.outbox.take(number) {
            self.bury(to, &envelope, payload, text);
        }
    }

    fn bury(&mut self, to: ActorId, envelope: &Envelope, payload: Vec<u8>, text: String) {
        self.keep_letter(to, envelope, payload, Why { deliveries: 0, deaths: Vec::new(), text });
    }

    /// Posts what is due, or a good part of it: the rest is still due at the next look.
    pub(super) fn send_due(&mut self, now: Instant) {
        let mut bytes = 0;
        for _ in 0..POSTS_PER_TURN {
            if BYTES_PER_TURN <= bytes {
                return;
            }
            let Some(due) = self.outbox.timetable.take_due(now) else { return };
            // Its next time comes when this one is settled.
            self.outbox.timetable.hold(due.number);
            let Some(message) = self.outbox.messages.get(&due.number) else { continue };
            bytes += message.payload.len();
            let (index, until) = (index_of(message.to), due.at.checked_add(message.patience));
            let is_behind_others = self.outbox.lines.contains_key(&index);
            match if is_behind_others { Posted::NoRoom } else { self.post_later(message) } {
                Posted::Yes => self.outbox.settle(due.number),
                Posted::Never(why) => self.bury_later(due.number, why),
                Posted::NoRoom => {
                    self.outbox.stand_in_line(index, due.number, until);
                    if !is_behind_others {
                        self.after(PAUSE_MIN, Timer::Line(index));
                    }
                }
            }
        }
    }

    fn post_later(&self, message: &Message) -> Posted {
        let actor = self.actors.get(&index_of(message.to)).filter(|actor| actor.mailbox.id() == message.to);
        let Some(actor) = actor else { return Posted::Never("the actor has ended".to_owned()) };
        if !message.envelope.is_for(actor.incarnation().life) {
            return Posted::Never("the life that it was for is over".to_owned());
        }
        match actor.mailbox.post(&message.envelope, &message.payload, Deadline::Now) {
            Ok(()) => Posted::Yes,
            // One that stops ends for good or begins again, and then this is looked at again.
            Err(PostError::Full | PostError::Closed | PostError::NoMemory) => Posted::NoRoom,
            Err(PostError::Gone) => Posted::Never("the actor has ended".to_owned()),
            Err(PostError::TooLarge { size, max }) => {
                Posted::Never(format!("the message has {size} bytes, of at most {max}"))
            }
        }
    }

    /// Tries again to post what stands in the line for an actor.
    pub(super) fn try_line(&mut self, index: u16) {
        let now = Instant::now();
        // That of an actor that has ended fires for the next one at its place.
        if self.outbox.lines.get(&index).is_none_or(|line| now < line.again) {
            return;
        }
        let Some(mut line) = self.outbox.lines.remove(&index) else { return };
        let (mut posted, mut bytes) = (0, 0);
        while posted < POSTS_PER_TURN && bytes < BYTES_PER_TURN {
            let Some(&(number, _)) = line.waiting.front() else { return };
            // Without it was cancelled, or its sender has died.
            if let Some(message) = self.outbox.messages.get(&number) {
                bytes += message.payload.len();
                match self.post_later(message) {
                    Posted::Yes => self.outbox.settle(number),
                    Posted::Never(why) => self.bury_later(number, why),
                    Posted::NoRoom => break,
                }
                posted += 1;
            }
            line.waiting.pop_front();
        }
        line.pause = if posted == 0 { (2 * line.pause).min(PAUSE_MAX) } else { PAUSE_MIN };
        line.again = now + line.pause;
        self.give_up_in(&mut line, now);
        if !line.waiting.is_empty() {
            self.timers.set(line.again, Timer::Line(index));
            self.outbox.lines.insert(index, line);
        }
    }

    /// Makes dead letters of those who have stood in a line for too long.
    fn give_up_in(&mut self, line: &mut Line, now: Instant) {
        let is_over = |until: Option<Instant>| until.is_some_and(|until| until <= now);
        for (number, until) in std::mem::take(&mut line.waiting) {
            match self.outbox.messages.get(&number) {
                Some(message) if is_over(until) => {
                    let (to, envelope, payload) = (message.to, message.envelope, message.payload.clone());
                    self.outbox.settle(number);
                    self.bury(to, &envelope, payload, "there was no room for it in time".to_owned());
                }
                Some(_) => line.waiting.push_back((number, until)),
                None => {}
            }
        }
    }

    /// The next moment at which the node has something to do of its own accord.
    pub(super) fn next_look(&self) -> Option<Instant> {
        [self.timers.next(), self.outbox.timetable.next()].into_iter().flatten().min()
    }
}
