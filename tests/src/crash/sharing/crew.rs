//! The crew: who does what with the [`Commons`] until he is killed.

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use actor_core::pipe::PipeEnd;
use actor_core::sync::Barrier;
use serde::{Deserialize, Serialize};

use super::commons::Commons;
use super::notes::Note;
use super::talk::talk;
use crate::chance::Chance;
use crate::message::Message;

/// Where somebody works, and with what.
#[derive(Serialize, Deserialize)]
pub(super) struct Post {
    pub(super) commons: Commons,
    pub(super) seat: usize,
    pub(super) seed: u64,
    pub(super) tool: Tool,
}

/// What somebody does at his post, and what he has for it that others have not: the death of anyone with a
/// barrier breaks it, and a pipe has two ends.
#[derive(Serialize, Deserialize)]
pub(super) enum Tool {
    /// Changes, reads, has permits and gives tokens.
    Nothing,
    /// Waits for tokens.
    Patience,
    /// Meets another. One of the two mends it.
    Barrier { barrier: Box<Barrier>, mends: bool },
    /// Sends, and is answered.
    Pipe(Box<PipeEnd<Message, u32>>),
}

/// From one act to the next, at most.
const PAUSE: Duration = Duration::from_micros(200);

pub(super) fn work(post: Post) {
    let Post { commons, seat, seed, tool } = post;
    let mut chance = Chance::new(seed);
    commons.notes.of(seat, Note::Pid).store(u64::from(std::process::id()), SeqCst);
    match tool {
        Tool::Nothing => {
            while commons.pass_gate(seat) {
                act(&commons, seat, &mut chance);
            }
        }
        Tool::Patience => while commons.take(seat) {},
        Tool::Barrier { barrier, mends } => {
            while commons.pass_gate(seat) {
                commons.meet(seat, &barrier, mends);
            }
        }
        Tool::Pipe(end) => {
            while commons.pass_gate(seat) {
                talk(&commons.notes, seat, &end, &mut chance);
            }
        }
    }
}

fn act(commons: &Commons, seat: usize, chance: &mut Chance) {
    match chance.below(6) {
        0 | 1 => commons.add(seat, chance),
        2 => commons.write(seat, chance),
        3 => commons.read(seat, chance),
        4 => commons.hold(seat, chance),
        _ => commons.give(seat),
    }
    if chance.once_in(4) {
        thread::park_timeout(Duration::from_nanos(chance.below(PAUSE.as_nanos() as u64)));
    }
}
