//! Ends in one process: who has them at each hop, and what remains when they are gone.

use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::id::Participant;
use crate::shm::layout::Shape;
use crate::shm::segment::segment;

fn pipe() -> (Handle, End, End) {
    let shape = Shape { capacity: 2, hands: 0, message_max: 64, bytes: 0 };
    let handle = Handle::make(segment().unwrap(), Kind::Pipe, shape).unwrap();
    let (sender, receiver) = End::both(handle.window().unwrap());
    (handle, sender, receiver)
}

fn is_closing(window: &Window) -> bool {
    has_flags(&window.header().state.flags, flags::CLOSING)
}

#[test]
fn smoke() {
    let (handle, sender, receiver) = pipe();
    let window = handle.window().unwrap();
    assert!(sender.is_own(window) && receiver.is_own(window));
    assert_eq!(End::from_bytes(&sender.to_bytes()), Some(sender));
    sender.let_go();
    assert!(!sender.is_own(window) && window.has_end_under_way());
    let taken = sender.take(window);
    assert!(taken.is_own(window) && taken != sender && !window.has_end_under_way());
    sender.close(window);
    assert!(!is_closing(window), "it is another's");
    taken.close(window);
    assert!(is_closing(window));
    assert_eq!((window.fate(Side::Sender), window.fate(Side::Receiver)), (Fate::Closed, Fate::Open));
}

#[test]
fn of_several_copies_one_is_taken_once() {
    let (handle, sender, _) = pipe();
    let window = handle.window().unwrap();
    sender.let_go();
    let first = sender.take(window);
    assert_eq!(sender.take(window), sender, "a message that was handed out again has it no more");
    throw_away(&sender.to_bytes());
    assert!(first.is_own(window));
}

/// The receiver may be faster than the sender, who is about to let go.
#[test]
fn who_takes_it_before_it_is_let_go_has_it() {
    let (handle, sender, _) = pipe();
    let window = handle.window().unwrap();
    let taken = sender.take(window);
    sender.let_go();
    assert!(taken.is_own(window));
}

#[test]
fn what_is_thrown_away_is_lost_and_told() {
    let (handle, sender, receiver) = pipe();
    let window = handle.window().unwrap();
    receiver.let_go();
    let message = [b"before".as_slice(), &receiver.to_bytes(), b"behind"].concat();
    throw_away(&message);
    assert_eq!((window.fate(Side::Receiver), window.fate(Side::Sender)), (Fate::Lost, Fate::Open));
    assert!(is_closing(window) && sender.is_own(window));
}

#[test]
fn more_hops_than_are_counted() {
    let (handle, mut sender, _) = pipe();
    let window = handle.window().unwrap();
    for _ in 0..=HOPS_MASK {
        sender.let_go();
        sender = sender.take(window);
        assert!(sender.is_own(window) && sender.hops != 0);
    }
}

/// Dead at each step between the word and the flags: the repair does the rest, also when it is done twice.
#[test]
fn the_repair_finishes_what_the_dead_has_begun() {
    let dead = ProcessId { participant: Participant(77), generation: 5 };
    let other = ProcessId { generation: 6, ..dead };
    let left = [
        (EndWord::new(State::Owned, Some(dead), 3), Fate::Died(dead)),
        (EndWord::new(State::Dead, Some(dead), 3), Fate::Died(dead)),
        (EndWord::new(State::Closed, None, 3), Fate::Closed),
        (EndWord::new(State::Lost, None, 3), Fate::Lost),
        (EndWord::new(State::Owned, Some(other), 3), Fate::Open),
        (EndWord::new(State::UnderWay, None, 3), Fate::Open),
    ];
    for (word, fate) in left {
        let (handle, _, receiver) = pipe();
        let window = handle.window().unwrap();
        window.end_word(Side::Sender).store(word.0, Relaxed);
        for _ in 0..2 {
            assert_eq!(recover(window, dead), fate == Fate::Died(dead), "{word:?}");
            assert_eq!(window.fate(Side::Sender), fate);
            assert_eq!(is_closing(window), fate != Fate::Open);
        }
        assert!(receiver.is_own(window));
    }
}

#[test]
fn bytes_that_are_none_do_nothing() {
    let (handle, sender, _) = pipe();
    let bytes = sender.to_bytes();
    assert_eq!(End::from_bytes(&bytes[..End::BYTES - 1]), None);
    let mut foreign = bytes;
    foreign[10] ^= 1;
    throw_away(&foreign);
    throw_away(&MARK.repeat(100));
    assert!(sender.is_own(handle.window().unwrap()));
}

/// Each byte of an end changed in each bit: what names it all the same is the end, and nothing else has an effect.
/// Whoever is robbed of it by bytes that name it is told, as one who has sent it on.
#[test]
fn bytes_that_name_it_have_it_once_whoever_has_made_them_up() {
    for bit in 0..End::BYTES * 8 {
        let (handle, sender, receiver) = pipe();
        let window = handle.window().unwrap();
        let mut forged = sender.to_bytes();
        forged[bit / 8] ^= 1 << (bit % 8);
        throw_away(&forged);
        let Some(end) = End::from_bytes(&forged) else { continue };
        let names_it = end == sender;
        assert_eq!(window.fate(Side::Sender), if names_it { Fate::Lost } else { Fate::Open }, "bit {bit}");
        if end.pipe == window.id {
            let taken = end.take(window);
            assert!(taken == end || taken.is_own(window));
        }
        assert!(names_it || sender.is_own(window), "bit {bit}");
        // That of another's by accident: a hop that it has not made.
        assert!(end.side == Side::Receiver || receiver.is_own(window));
    }
    let (handle, sender, _) = pipe();
    let window = handle.window().unwrap();
    let made_up = End::from_bytes(&sender.to_bytes()).unwrap();
    let robbed = made_up.take(window);
    assert!(robbed.is_own(window) && !sender.is_own(window));
    sender.let_go();
    sender.close(window);
    assert!(robbed.is_own(window), "it is nobody's to close but the owner's");
    assert_eq!(made_up.take(window), made_up, "twice in one message, it is there once");
}
