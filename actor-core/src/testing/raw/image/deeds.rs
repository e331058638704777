//! What is ever done to a part of shared memory, by whoever does it: senders, receivers, callers, those who
//! attach, and the node.
//!
//! Each is what the product does there, or as much of it as needs no process. Nothing here judges.

use super::{DEAD, Image, LARGE, OTHER, SHAPE};
use crate::boot::Order;
use crate::exit::EndRecord;
use crate::id::{Participant, ProcessId, WindowId};
use crate::mailbox::{Envelope, Mailbox, Next, ReplyAddress};
use crate::reply::{self, ReplyKind, ReplySlot};
use crate::shm::hands::Held;
use crate::shm::layout::INLINE_MAX;
use crate::shm::post::Wake;
use crate::shm::slots;
use crate::shm::window::{self, Kind, Window, flags};
use crate::shm::{blob, ends, lately, region, spin, table};
use crate::time::Deadline;

impl Image {
    /// Does one thing of those that are ever done to such a part.
    pub fn operate(&mut self, operation: u8, argument: u8) {
        // Half of what is done there is what it is for.
        if self.subject.is_synchronising() && operation >= 64 {
            return self.synchronise(operation, argument);
        }
        // What goes to the kernel, or to all that a process has, is done less often.
        let is_rare = 17 <= operation % 32 && !argument.is_multiple_of(4);
        match operation % 32 {
            17.. if is_rare => self.look(),
            0..=2 => self.post(usize::from(argument)),
            3 => self.post(LARGE + usize::from(argument) * 8),
            4..=6 => self.take(argument),
            7..=9 => self.settle(argument),
            10 | 11 => self.receive(),
            12 | 13 => self.answer(argument, usize::from(argument) * 5),
            14 => self.wait_for_answers(argument),
            15 => self.look(),
            16 => self.look_at_records(),
            17 => self.attach(argument),
            18 => self.close(argument),
            19..=21 => self.recover(if argument.is_multiple_of(16) { OTHER } else { DEAD }),
            22 => self.window.trim(),
            23 => self.wait(),
            24 => _ = table::take_down_unused(&self.window, |who| self.segment.record(who).is_attached(0)),
            25 => self.take_down(),
            26 => self.live(argument),
            27 => self.empty(),
            28 => spin::recover(self.segment, DEAD),
            29 => self.segment.take_attention(|_| ()),
            30 => _ = Window::make(self.segment, Kind::Queue, SHAPE).map(|window| table::take_down(&window)),
            _ => _ = spin::spin(self.segment, Deadline::Now, || Some(())),
        }
        assert!(self.buffer.len() < 8 << 20, "{} bytes were believed", self.buffer.len());
        self.buffer.clear();
    }

    fn mailbox(&self) -> Mailbox {
        Mailbox { window: self.window }
    }

    pub(super) fn post(&self, length: usize) {
        let envelope = Envelope { handler: 1, ..Envelope::plain(OTHER, None) };
        let _ = self.mailbox().post(&envelope, &[0xa5; 4096][..length.min(4096)], Deadline::Now);
    }

    fn take(&mut self, argument: u8) {
        if argument.is_multiple_of(2) {
            self.held.extend(self.window.take());
        } else {
            self.claims.extend(slots::take_next(&self.window, self.segment.me()));
        }
    }

    /// What could be opened can be read to its end, and no further.
    fn read_in_parts(&mut self, held: Held) {
        let Some(meta) = self.window.open_held(held) else { return };
        let end = meta.length as usize;
        self.buffer.clear();
        for part in [0..end / 2, end / 2..end] {
            assert!(self.window.read_held_part(held, meta, part, &mut self.buffer));
        }
        assert_eq!(self.buffer.len(), end);
        assert!(!self.window.read_held_part(held, meta, 0..end + 1, &mut self.buffer));
    }

    /// Whoever has taken something reads it, and then it is done, moved or given back.
    fn settle(&mut self, argument: u8) {
        if let Some(held) = self.held.pop() {
            if !self.window.read_held(held, &mut self.buffer) {
                let mut some = [0; INLINE_MAX as usize];
                self.window.copy_held(held, &mut some);
            }
            self.read_in_parts(held);
            match argument % 4 {
                0 => self.window.give_back(held, true),
                1 => self.held.insert(0, self.window.move_to_hand(held)),
                2 => self.window.finish(held, Wake::Later),
                _ => self.window.finish(held, Wake::Now),
            }
        }
        if let Some(claim) = self.claims.pop() {
            let mailbox = self.mailbox();
            let _ = mailbox.read(claim, &mut self.buffer);
            mailbox.mark_handled(claim);
            if mailbox.is_handled(claim) && argument.is_multiple_of(4) {
                mailbox.unmark_handled(claim);
            }
            mailbox.acknowledge(claim);
        }
    }

    /// As an actor does.
    fn receive(&mut self) {
        let mailbox = self.mailbox();
        if let Some(Next::Message { envelope, position }) = mailbox.try_next(&mut self.buffer) {
            mailbox.stamp(Some(envelope.handler));
            mailbox.mark_handled(position);
            if let Some(address) = envelope.reply {
                reply::answer(address, ReplyKind::Value, b"done");
            }
            mailbox.acknowledge(position);
            mailbox.stamp(None);
        }
    }

    fn address(&self, argument: u8) -> ReplyAddress {
        let call = self.calls.get(usize::from(argument) % self.calls.len().max(1));
        let lied = ReplyAddress { window: self.made.id, slot: u16::from(argument) * 3, generation: 1 };
        call.map_or(lied, ReplySlot::address)
    }

    pub(super) fn answer(&self, argument: u8, length: usize) {
        let address = self.address(argument);
        reply::is_waited_for(address);
        reply::answer(address, ReplyKind::Value, &vec![1; length]);
    }

    fn wait_for_answers(&mut self, argument: u8) {
        let count = self.calls.len().max(1);
        if let Some(call) = self.calls.get_mut(usize::from(argument) % count) {
            let _ = call.wait(Deadline::Now, &mut self.buffer);
        }
    }

    fn look(&self) {
        let window = &self.window;
        let most = u64::from(window.layout.shape.capacity) * 2 + u64::from(window.layout.shape.hands);
        assert!(window.len() <= most && slots::len(window) <= most);
        window.is_idle();
        window.has_room();
        slots::has_room_ahead(window);
        slots::blocker(window);
        slots::find_claimed(window, DEAD);
        window.maker();
        table::kind(window);
        self.mailbox().in_hand(DEAD);
        self.mailbox().stamped();
        self.mailbox().life();
        window::has_flags(&window.header().state.flags, flags::CLOSING);
    }

    /// What the node does with what a process has left in its record.
    fn look_at_records(&mut self) {
        for who in [DEAD, self.segment.me()] {
            let record = self.segment.record(who);
            let end = record.read_end();
            let _ = EndRecord::from_raw(end.kind, end.text.as_bytes(), end.location.as_bytes());
            let _ = Order::read(record);
            record.stage();
            if let Some(id) = record.result() {
                self.read_blob(id);
            }
        }
        self.read_blob(self.made.id);
        let _ = self.segment.node_mailbox().map(|id| lately::attach(self.segment, id, Kind::Mailbox).is_some());
    }

    fn read_blob(&mut self, id: WindowId) {
        if blob::length(self.segment, id).is_some_and(|length| length < 1 << 20) {
            self.buffer.extend(blob::read(self.segment, id).unwrap_or_default());
        }
    }

    /// Somebody comes who believes what stands there.
    fn attach(&mut self, argument: u8) {
        let kinds = [
            Kind::Queue,
            Kind::Mailbox,
            Kind::Replies,
            Kind::Blob,
            Kind::Ordered,
            Kind::Pipe,
            Kind::Lock,
            Kind::Barrier,
        ];
        let found = match argument {
            0..=3 => table::at(self.segment, self.made.id.index),
            _ => Window::attach(self.segment, self.made.id, kinds[usize::from(argument / 4) % kinds.len()]),
        };
        // A window can only lie about a shape that fits into it; those of a few megabytes would only take long.
        if let Some(window) = found.filter(|window| window.layout.shape.capacity < 1 << 10) {
            self.window = window;
            self.has_lied = true;
            self.held.clear();
            self.claims.clear();
            self.hands = super::sync::Hands::default();
        }
    }

    fn close(&self, argument: u8) {
        match argument / 4 % 4 {
            0 => window::raise_flags(&self.window, flags::CLOSING),
            1 => window::raise_flags(&self.window, flags::CLOSING | flags::CLOSED_NOW),
            2 => self.mailbox().stop(true),
            _ => self.mailbox().reopen(),
        }
        self.window.discard_if_closed();
        slots::seal(&self.window);
    }

    /// The repair after a death, for each kind that the part may be taken for.
    fn recover(&self, dead: Participant) {
        let record = self.segment.record(dead);
        if let Some(index) = record.building() {
            table::recover_building(self.segment, index, dead);
        }
        for index in record.attachments().collect::<Vec<_>>() {
            let Some(window) = table::at(self.segment, index) else { continue };
            match table::kind(&window) {
                Some(Kind::Queue | Kind::Ordered) => _ = window.recover_held(dead),
                Some(Kind::Pipe) => {
                    let _ = window.recover_held(dead);
                    let process = ProcessId { participant: dead, generation: record.generation() };
                    _ = ends::recover(&window, process);
                }
                Some(Kind::Mailbox) => _ = slots::recover_writing(&window, dead),
                Some(Kind::Replies) => _ = reply::recover(&window, dead),
                Some(kind) if kind.is_region() => {
                    let process = ProcessId { participant: dead, generation: record.generation() };
                    _ = region::recover(&window, kind, process);
                }
                Some(_) | None => {}
            }
            window.recover_extents(dead);
            window.wake_everybody();
            if window.is_trim_asked() {
                window.clear_trim_asked();
            }
            record.detach(index);
        }
    }

    fn wait(&mut self) {
        let soon = Deadline::after(std::time::Duration::from_micros(20));
        let _ = self.mailbox().next(&mut self.buffer, soon);
    }

    /// The node takes it down; where it cannot, somebody is still at work.
    fn take_down(&self) {
        if table::take_down(&self.window) {
            assert!(!self.window.is_live());
        }
    }

    fn live(&self, argument: u8) {
        let mailbox = self.mailbox();
        match argument / 4 % 3 {
            0 => mailbox.begin_life(u32::from(argument)),
            1 => mailbox.set_living(DEAD),
            _ => mailbox.end_life(),
        }
    }

    /// As the node empties the mailbox of an actor that has ended.
    fn empty(&mut self) {
        let mailbox = self.mailbox();
        for _ in 0..slots::steps_max(self.window.layout.shape.capacity) {
            let Ok(claim) = slots::take_next(&self.window, self.segment.me()) else { break };
            let _ = mailbox.read(claim, &mut self.buffer);
            mailbox.acknowledge(claim);
        }
        slots::seal(&self.window);
    }
}
