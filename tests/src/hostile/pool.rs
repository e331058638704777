//! What the workers of a pool say to it, and it to them: tasks, results, and words on the board.
//!
//! Whatever the bytes are, each item has one result in the end, nothing is read that is not there, and nobody goes on
//! for ever.

use actor_core::testing::raw;

use super::Target;

/// See the module.
pub const TARGET: Target = Target {
    name: "pool",
    about: "tasks and results of a pool, and its board",
    body,
    samples,
    length_max: 512,
    runs: 20_000,
};

/// Items of the tasks that results are entered for.
const ITEMS: u64 = 8;

/// The first byte says what the rest is taken for.
pub fn body(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 8 {
        0..=2 => {
            let items = raw::pool_task(bytes).unwrap_or(0);
            assert!(items as usize <= bytes.len() / 4, "{items} items in {} bytes", bytes.len());
        }
        3..=6 => {
            let mut told = raw::pool_results(bytes);
            told.sort_unstable();
            assert!(told.iter().copied().eq(0..ITEMS), "{told:?}");
        }
        _ => raw::pool_board(bytes),
    }
}

fn samples() -> Vec<Vec<u8>> {
    let [task, results] = raw::pool_samples();
    assert_eq!(raw::pool_task(&task), Some(2), "a task is one");
    let marked = |kind: u8, bytes: &[u8]| [&[kind], bytes].concat();
    let message = [&[results.len() as u8], results.as_slice()].concat();
    // Those of the second task, of which two come once more in part.
    let mut again = message.clone();
    again[9] = 1;
    let mut board = vec![0; 128 + 2 * 24 + 16 + 2 * 64];
    let words = [(128, 0x0101_0000_0002_u64), (136, 1 << 32), (192, 1 << 32 | 1), (200, 2 << 32 | 1), (216, 3)];
    for (at, word) in words {
        board[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
    vec![
        marked(0, &task),
        marked(3, &message),
        marked(3, &[message.clone(), again.clone()].concat()),
        marked(3, &[again, message].concat()),
        marked(7, &board),
    ]
}
