//! Both ends of a call within one process.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release, SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::answer::ROOM_PATIENCE;
use super::pool::CALLS_MAX;
use super::word::{ReplyWord, State};
use super::*;
use crate::shm::segment::segment;

/// Held by a test that has several slots or large answers: two such tests could wait for each other, or one find
/// the room that another has just left.
static SEVERAL: Mutex<()> = Mutex::new(());

fn several() -> std::sync::MutexGuard<'static, ()> {
    SEVERAL.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open() -> ReplySlot {
    ReplySlot::open(segment().unwrap(), Purpose::Call, Deadline::after(Duration::from_secs(5))).unwrap()
}

fn open_until(deadline: Deadline) -> ReplySlot {
    ReplySlot::open(segment().unwrap(), Purpose::Call, deadline).unwrap()
}

#[test]
fn smoke() {
    let (mut slot, mut buffer) = (open(), Vec::new());
    assert_eq!(slot.wait(Deadline::after(Duration::ZERO), &mut buffer), None);
    assert!(is_waited_for(slot.address()));
    assert!(answer(slot.address(), ReplyKind::Value, b"42"));
    assert!(!is_waited_for(slot.address()));
    assert_eq!(slot.wait(Deadline::Never, &mut buffer), Some(ReplyKind::Value));
    assert_eq!(buffer, b"42");
}

#[test]
fn a_late_answer_is_dropped() {
    let slot = open();
    let address = slot.address();
    drop(slot);
    assert!(!answer(address, ReplyKind::Value, b"late"));
    assert!(!answer(address, ReplyKind::Value, &[0; 5000]), "and its extent is free again");
}

#[test]
fn only_the_first_answer_counts() {
    let (mut slot, mut buffer) = (open(), Vec::new());
    assert!(answer(slot.address(), ReplyKind::Error, b"first"));
    assert!(!answer(slot.address(), ReplyKind::Value, b"second"));
    assert_eq!(slot.wait(Deadline::Never, &mut buffer), Some(ReplyKind::Error));
    assert_eq!(buffer, b"first");
}

#[test]
fn a_sleeper_is_woken_and_large_answers_arrive() {
    let _several = several();
    let (mut slot, mut buffer) = (open(), Vec::new());
    let address = slot.address();
    let payload: Vec<u8> = (0..3_000_000).map(|i| i as u8).collect();
    let sent = payload.clone();
    let answerer = std::thread::spawn(move || {
        // Longer than anybody spins.
        let until = std::time::Instant::now() + Duration::from_millis(5);
        while std::time::Instant::now() < until {
            std::thread::yield_now();
        }
        assert!(answer_patiently(address, ReplyKind::Value, &sent));
    });
    assert_eq!(slot.wait(Deadline::after(Duration::from_secs(10)), &mut buffer), Some(ReplyKind::Value));
    assert_eq!(buffer, payload);
    answerer.join().unwrap();
}

#[test]
fn a_large_answer_waits_until_others_are_read() {
    let _several = several();
    let (large, mut buffer, mut answered) = (vec![7; 1 << 20], Vec::new(), Vec::new());
    loop {
        let mut slot = open();
        if !answer(slot.address(), ReplyKind::Value, &large) {
            assert_eq!(slot.wait(Deadline::Never, &mut buffer), Some(ReplyKind::Failed));
            break;
        }
        answered.push(slot);
    }
    let mut last = open();
    let address = last.address();
    let sent = large.clone();
    let answerer = std::thread::spawn(move || answer_patiently(address, ReplyKind::Value, &sent));
    assert_eq!(last.wait(Deadline::after(Duration::from_millis(20)), &mut buffer), None);
    assert_eq!(answered[0].wait(Deadline::Never, &mut buffer), Some(ReplyKind::Value));
    assert_eq!(last.wait(Deadline::after(Duration::from_secs(20)), &mut buffer), Some(ReplyKind::Value));
    assert_eq!(buffer, large);
    assert!(answerer.join().unwrap());
}

#[test]
fn nobody_waits_for_room_to_answer_who_does_not_listen() {
    let _several = several();
    let large = vec![7; 16 << 20];
    let answered: Vec<_> =
        std::iter::repeat_with(open).take_while(|slot| answer(slot.address(), ReplyKind::Value, &large)).collect();
    let unheard = open();
    let address = unheard.address();
    let answerer = std::thread::spawn(move || answer_patiently(address, ReplyKind::Value, &large));
    drop(unheard);
    let begin = std::time::Instant::now();
    assert!(!answerer.join().unwrap());
    assert!(begin.elapsed() < ROOM_PATIENCE / 2);
    drop(answered);
}

#[test]
fn a_half_written_answer_of_the_dead_never_was() {
    let (mut slot, mut buffer) = (open(), Vec::new());
    let dead = Participant(77);
    let window = slot.replies.window;
    let word = &slot.replies.slot(slot.index).word;
    let waiting = ReplyWord(word.load(Acquire));
    word.store(waiting.to(State::Writing, dead).0, Release);
    assert!(!answer(slot.address(), ReplyKind::Value, b"not now"));
    recover(&window, dead);
    recover(&window, dead);
    assert!(answer(slot.address(), ReplyKind::Exit, b"report"));
    assert_eq!(slot.wait(Deadline::Never, &mut buffer), Some(ReplyKind::Exit));
}

/// Waits for something beside the answer until it is there, and sleeps when this returns.
fn sleeper(slot: ReplySlot, there: &'static AtomicBool) -> std::thread::JoinHandle<Option<()>> {
    let word = &slot.replies.slot(slot.index).word;
    let soon = Deadline::after(Duration::from_secs(20));
    let sleeper = std::thread::spawn(move || slot.wait_for(soon, || there.load(SeqCst).then_some(())));
    while !ReplyWord(word.load(Acquire)).has(ReplyWord::SLEEPS) {
        std::thread::yield_now();
    }
    // It has said that it will, and may be on its way.
    let until = std::time::Instant::now() + Duration::from_millis(5);
    while std::time::Instant::now() < until {
        std::thread::yield_now();
    }
    sleeper
}

#[test]
fn who_waits_for_something_beside_the_answer_is_poked() {
    static THERE: AtomicBool = AtomicBool::new(false);
    let slot = open();
    let (address, word) = (slot.address(), &slot.replies.slot(slot.index).word);
    let sleeper = sleeper(slot, &THERE);
    assert!(poke(address));
    // It was for nothing, so it sleeps again.
    while !ReplyWord(word.load(Acquire)).has(ReplyWord::SLEEPS) {
        std::thread::yield_now();
    }
    THERE.store(true, SeqCst);
    assert!(poke(address));
    assert_eq!(sleeper.join().unwrap(), Some(()));
    assert!(!poke(address), "nobody waits any more");
}

#[test]
fn who_was_to_be_woken_by_the_dead_looks_again() {
    static THERE: AtomicBool = AtomicBool::new(false);
    let slot = open();
    let (window, word) = (slot.replies.window, &slot.replies.slot(slot.index).word);
    let sleeper = sleeper(slot, &THERE);
    THERE.store(true, SeqCst);
    // The last that it has done.
    word.fetch_and(!ReplyWord::SLEEPS, SeqCst);
    recover(&window, Participant(77));
    assert_eq!(sleeper.join().unwrap(), Some(()));
}

#[test]
fn with_all_calls_under_way_the_node_can_be_asked() {
    let _several = several();
    let now = Deadline::after(Duration::ZERO);
    let open = |purpose, deadline| ReplySlot::open(segment().unwrap(), purpose, deadline);
    // Other tests have some of them for a moment.
    let soon = Deadline::after(Duration::from_secs(20));
    let calls: Vec<_> = (0..CALLS_MAX).map(|_| open(Purpose::Call, soon).unwrap()).collect();
    assert!(matches!(open(Purpose::Call, now), Err(OpenError::Full)));
    open(Purpose::Request, now).unwrap();
    drop(calls);
}

#[test]
fn a_call_waits_for_a_slot_that_was_given_up_half_answered() {
    let _several = several();
    let soon = Deadline::after(Duration::from_secs(20));
    let mut calls: Vec<_> = (0..CALLS_MAX).map(|_| open_until(soon)).collect();
    let half = calls.pop().unwrap();
    let (replies, word) = (half.replies, &half.replies.slot(half.index).word);
    word.store(ReplyWord(word.load(Acquire)).to(State::Writing, Participant(77)).0, Release);
    drop(half);
    let waits_asleep = std::thread::spawn(move || drop(open_until(soon)));
    let waits_awake = std::thread::spawn(move || {
        let opened = std::future::poll_fn(|context| ReplySlot::poll_open(segment().unwrap(), context, soon));
        drop(futures::executor::block_on(opened).unwrap());
    });
    while replies.waiting() < 2 {
        assert!(!soon.has_passed(), "two wait");
        std::thread::yield_now();
    }
    word.store(ReplyWord(word.load(Acquire)).next_idle().0, Release);
    // One of them takes what the answerer has left, and drops it for the other.
    waits_asleep.join().unwrap();
    waits_awake.join().unwrap();
    assert!(!soon.has_passed());
    drop(calls);
}

#[test]
fn slots_are_not_used_up_by_calls_that_time_out() {
    for _ in 0..10 * CALLS_MAX {
        let mut slot = open();
        assert_eq!(slot.wait(Deadline::after(Duration::ZERO), &mut Vec::new()), None);
    }
}

/// The word of a call, and what is to be in it.
fn stands(slot: &ReplySlot, participant: Participant, hops: u8) {
    let seen = ReplyWord(slot.replies.slot(slot.index).word.load(Acquire));
    assert_eq!((seen.state(), seen.participant(), seen.hops()), (State::Waiting, participant, hops));
}

#[test]
fn a_duty_is_taken_let_go_and_taken_again() {
    let (mut slot, mut buffer) = (open(), Vec::new());
    let me = segment().unwrap().me();
    let in_message = Duty::of_message(slot.address());
    assert!(!in_message.is_own());
    let taken = in_message.take();
    stands(&slot, me, 1);
    assert!(taken.is_own() && holder(slot.address()) == Holder::Process(me));
    // A copy comes too late, and what it says is not heard.
    let copy = in_message.take();
    assert!(!copy.is_own() && !copy.answer_own(ReplyKind::Unanswered, &[]));
    taken.let_go();
    stands(&slot, Participant::NOBODY, 1);
    assert_eq!(holder(slot.address()), Holder::AnotherMessage);
    assert!(!taken.is_own());
    let again = Duty::from_bytes(&taken.to_bytes()).unwrap().take();
    stands(&slot, me, 2);
    taken.let_go();
    stands(&slot, me, 2);
    assert!(again.answer_own(ReplyKind::Unanswered, &[]));
    assert_eq!(slot.wait(Deadline::Never, &mut buffer), Some(ReplyKind::Unanswered));
    assert!(!again.take().is_own(), "nobody waits");
}

#[test]
fn what_the_dead_had_the_duty_to_answer_is_found_whatever_they_did() {
    let _several = several();
    let (mut held, mut half, other) = (open(), open(), open());
    let (dead, window) = (Participant(77), held.replies.window);
    let put = |slot: &ReplySlot, to: &dyn Fn(ReplyWord) -> ReplyWord| {
        let word = &slot.replies.slot(slot.index).word;
        word.store(to(ReplyWord(word.load(Acquire))).0, Release);
    };
    put(&held, &|word| word.owed(dead, 3));
    put(&half, &|word| word.owed(dead, 1).to(State::Writing, dead));
    put(&other, &|word| word.owed(Participant(78), 1));
    recover(&window, dead);
    let owed = recover(&window, dead);
    let addresses: Vec<_> = owed.iter().map(Duty::address).collect();
    assert!(owed.len() == 2 && addresses.contains(&held.address()) && addresses.contains(&half.address()));
    // The message that it was in is handed out again.
    let in_message = Duty { hops: 2, ..owed[addresses.iter().position(|it| *it == held.address()).unwrap()] };
    in_message.put_back(dead);
    stands(&held, Participant::NOBODY, 2);
    owed.into_iter().for_each(|duty| duty.answer_for(dead, ReplyKind::Exit, b"report"));
    assert_eq!(half.wait(Deadline::Never, &mut Vec::new()), Some(ReplyKind::Exit));
    assert_eq!(held.wait(Deadline::Now, &mut Vec::new()), None);
    assert!(in_message.take().is_own());
    stands(&other, Participant(78), 1);
}

#[test]
fn duties_are_found_in_the_bytes_of_a_message() {
    let slot = open();
    let one = Duty::of_message(slot.address());
    let other = Duty { hops: 9, ..one };
    let bytes =
        [b"\xc1reply".as_slice(), &one.to_bytes(), b"\xc1", &other.to_bytes(), &other.to_bytes()[..20]].concat();
    assert_eq!(carried(&bytes).collect::<Vec<_>>(), [one, other]);
    carried(&bytes).for_each(|duty| duty.answer_for_message(ReplyKind::Exit, &[]));
    assert!(!is_waited_for(slot.address()));
}

#[test]
fn hops_begin_again_at_one() {
    let slot = open();
    let mut duty = Duty::of_message(slot.address());
    for _ in 0..600 {
        duty = duty.take();
        assert!(duty.is_own());
        duty.let_go();
        assert_ne!(holder(slot.address()), Holder::OwnMessage);
    }
}
