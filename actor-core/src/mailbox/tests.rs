//! The mailbox within one process; what a restart does to it is in the node's tests.

use super::*;
use crate::shm::segment::segment;

const SIZE: MailboxSize = MailboxSize { capacity: 4, message_max: 10_000, bytes: 40_000 };
const NOW: Duration = Duration::ZERO;

fn mailbox() -> Mailbox {
    Mailbox::make(segment().unwrap(), SIZE).unwrap()
}

fn cast(handler: u16) -> Envelope {
    Envelope { handler, on_crash: OnCrash::DeadLetter, ..Envelope::plain(Participant::NODE, None) }
}

fn take(mailbox: &Mailbox, buffer: &mut Vec<u8>) -> (Envelope, Claim) {
    match mailbox.next(buffer, Deadline::after(NOW)) {
        Next::Message { envelope, position } => (envelope, position),
        other => panic!("expected a message, got {other:?}"),
    }
}

#[test]
fn smoke() {
    let (mailbox, mut buffer) = (mailbox(), Vec::new());
    mailbox.post(&cast(7), b"hello", Deadline::Never).unwrap();
    assert_eq!(mailbox.len(), 1);
    let (envelope, claim) = take(&mailbox, &mut buffer);
    assert_eq!((envelope, buffer.as_slice()), (cast(7), b"hello".as_slice()));
    mailbox.acknowledge(claim);
    assert!(matches!(mailbox.next(&mut buffer, Deadline::after(NOW)), Next::TimedOut));
}

#[test]
fn every_size_arrives_and_one_more_byte_is_refused() {
    let (mailbox, mut buffer) = (mailbox(), Vec::new());
    for size in [0, 1, 87, 88, 89, 999, 1024, 4096, 10_000] {
        let payload: Vec<u8> = (0..size).map(|i| i as u8).collect();
        mailbox.post(&cast(1), &payload, Deadline::after(NOW)).unwrap();
        let (_, claim) = take(&mailbox, &mut buffer);
        assert_eq!(buffer, payload);
        mailbox.acknowledge(claim);
    }
    assert_eq!(
        mailbox.post(&cast(1), &[0; 10_001], Deadline::after(NOW)),
        Err(PostError::TooLarge { size: 10_001, max: 10_000 })
    );
}

#[test]
fn the_message_in_hand_stays_until_acknowledged() {
    let (mailbox, mut buffer) = (mailbox(), Vec::new());
    for handler in 1..=4 {
        mailbox.post(&cast(handler), b"", Deadline::after(NOW)).unwrap();
    }
    assert_eq!(mailbox.post(&cast(5), b"", Deadline::after(NOW)), Err(PostError::Full));
    let (first, _) = take(&mailbox, &mut buffer);
    let (again, claim) = take(&mailbox, &mut buffer);
    assert_eq!((first.handler, again.handler), (1, 1));
    mailbox.acknowledge(claim);
    mailbox.post(&cast(5), b"", Deadline::after(NOW)).unwrap();
    for expected in 2..=5 {
        let (envelope, claim) = take(&mailbox, &mut buffer);
        assert_eq!(envelope.handler, expected);
        mailbox.acknowledge(claim);
    }
}

#[test]
fn stop_after_all_drains_and_stop_now_does_not() {
    let (mailbox, mut buffer) = (mailbox(), Vec::new());
    mailbox.post(&cast(1), b"", Deadline::after(NOW)).unwrap();
    mailbox.stop(true);
    assert_eq!(mailbox.post(&cast(2), b"", Deadline::after(NOW)), Err(PostError::Closed));
    let (_, claim) = take(&mailbox, &mut buffer);
    mailbox.acknowledge(claim);
    assert!(matches!(mailbox.next(&mut buffer, Deadline::Never), Next::Stop));
    mailbox.reopen();
    mailbox.post(&cast(3), b"", Deadline::after(NOW)).unwrap();
    mailbox.stop(false);
    assert!(matches!(mailbox.next(&mut buffer, Deadline::Never), Next::Stop));
    assert_eq!(mailbox.len(), 1);
}

#[test]
fn a_taken_down_mailbox_is_gone_for_old_handles() {
    let mailbox = mailbox();
    let stale = mailbox;
    assert!(crate::shm::table::take_down(&mailbox.window));
    assert_eq!(stale.post(&cast(1), b"", Deadline::after(NOW)), Err(PostError::Gone));
    assert!(Mailbox::attach(stale.id()).is_none());
}
