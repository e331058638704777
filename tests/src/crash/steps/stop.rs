//! Death on the way from being asked to stop to the end: the close of a mailbox, and its last messages.
//!
//! It is another actor each time, under no supervisor: after this there is nobody to send to. What was
//! sent to it is either handled or kept as a dead letter.

use std::sync::atomic::Ordering::Acquire;
use std::time::Instant;

use actor_core::node;
use actor_core::prelude::*;

use super::clerk::{Bulk, Clerk};
use super::deeds::{Act, Deed};
use super::office::{Office, kill_led, unreached};
use super::scene::Notes;
use super::waiting::{Told, Waiting};
use crate::crash::{Fault, Kind};
use crate::steps::Stepped;

/// More dead letters than a trial leaves.
const LETTERS: usize = 1024;

impl Office {
    /// An actor of its own is asked to stop, and dies on the way there.
    pub(super) fn stopping(
        &mut self,
        deed: &Deed,
        lead: impl FnOnce(&Office, &Stepped, &Notes) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let desk = self.last.clone();
        desk.clear();
        let (number, length) = (self.number(), deed.length);
        let clerk = Clerk::define(desk.clone()).spawn().map_err(|error| unreached(&error))?;
        self.make_clerk(deed, clerk, &desk)?;
        let stepped = Stepped::take_over(desk.lives()).map_err(|error| unreached(&error))?;
        clerk.note_again(number, Bulk::of(length)).send().map_err(|error| unreached(&error))?;
        let waiting = Waiting::stop(clerk, deed.act == Act::Stop)?;
        // Nobody writes here: the actor is over when it has ended.
        let notes = Notes { board: desk.board.clone(), trial: self.trials, seat: 0 };
        let is_there = lead(self, &stepped, &notes)?;
        let begin = Instant::now();
        kill_led(desk.lives())?;
        let told = waiting.end()?;
        self.recovery_max = self.recovery_max.max(begin.elapsed());
        if let Told::Refused(why) = told {
            return Err(Kind::Wedged.fault(format!("who stopped it was told: {why}")));
        }
        let (begun, ended) = (desk.begun(number).load(Acquire), desk.ended(number).load(Acquire));
        let letters = node::dead_letters(LETTERS).map_err(|error| unreached(&error))?;
        let letters = letters.iter().filter(|letter| letter.handler == "note_again").count() as u64;
        Kind::Lost.unless(1 <= ended + letters, || "it was sent, and neither handled nor kept".to_owned())?;
        let twice = || format!("it was handled {begun} times, and kept {letters} times");
        Kind::Doubled.unless(begun <= 1 && letters <= 1, twice)?;
        let refused = clerk.note(number, Bulk::of(0)).try_send();
        Kind::Torn.unless(refused.is_err(), || "it has ended, and one can send to it".to_owned())?;
        Ok(is_there)
    }
}
