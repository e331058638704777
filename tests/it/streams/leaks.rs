//! Streams that are begun and given up, in any phase: nothing of them stays.

use actor_tests::chance::Chance;

use super::*;
use crate::harness::isolated_and_long;

/// The look at the end counts windows, among others.
#[test]
fn smoke() {
    isolated_and_long(|| {
        let (mut chance, source, board) = (Chance::announced(), Source.spawn().unwrap(), Board::new(2));
        let mut begun = 0;
        for _ in 0..10_000 {
            let look_ahead = 1 + chance.below(8) as usize;
            match chance.below(4) {
                // Never sent.
                0 => drop(source.noted(board.clone()).look_ahead(look_ahead)),
                // Given up while it may not have been begun.
                1 => {
                    let call = source.noted(board.clone()).timeout(Duration::ZERO).look_ahead(look_ahead);
                    if let Ok(items) = call.wait() {
                        drop(items);
                    }
                }
                // To its end.
                2 => {
                    let count = chance.below(5);
                    assert_eq!(numbers(source.count(count).look_ahead(look_ahead).wait().unwrap()).0, count);
                }
                // In the middle.
                _ => {
                    let items = source.noted(board.clone()).look_ahead(look_ahead).wait().unwrap();
                    begun += 1;
                    let count = chance.below(12) as usize;
                    assert_eq!(items.take(count).filter(|item| item.is_ok()).count(), count);
                }
            }
        }
        assert!(source.is_there().wait().unwrap(), "it has come past all of them");
        assert!(begun <= board[ENDED].load(SeqCst));
        source.stop().unwrap();
    });
}
