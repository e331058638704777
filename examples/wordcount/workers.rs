//! The counting itself: by workers, and for comparison by one thread of this process.

use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::chunks::{Chunk, Chunks};
use crate::report::Losses;
use crate::tally::{Counts, Totals, for_each_word};

/// How many pieces are under way per worker: one in hand and one that waits, so that no worker
/// waits for the main process.
const IN_FLIGHT: usize = 2;

/// Who counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crew {
    pub(crate) workers: usize,
}

/// Counts all pieces with `crew`; `seen` is told of each piece when it has been counted.
pub(crate) fn count_with_workers(
    chunks: Chunks<'_>,
    crew: Crew,
    seen: &mut (dyn FnMut(&Chunk, Losses) + Send),
) -> (Totals, Losses) {
    let chunks = Mutex::new(chunks);
    let merged = Mutex::new((Totals::default(), seen));
    thread::scope(|scope| {
        for _ in 0..crew.workers * IN_FLIGHT {
            scope.spawn(|| {
                while let Some(mut chunk) = next(&chunks) {
                    let counts = Counts::of(std::mem::take(&mut chunk.text));
                    let mut merged = merged.lock().unwrap_or_else(PoisonError::into_inner);
                    let (totals, seen) = &mut *merged;
                    totals.merge(&counts).expect("these counts are our own");
                    seen(&chunk, Losses::default());
                }
            });
        }
    });
    let (totals, _) = merged.into_inner().unwrap_or_else(PoisonError::into_inner);
    (totals, Losses::default())
}

fn next(chunks: &Mutex<Chunks<'_>>) -> Option<Chunk> {
    chunks.lock().unwrap_or_else(PoisonError::into_inner).next()
}

/// Counts all pieces here.
pub(crate) fn count_alone(chunks: Chunks<'_>, seen: &mut dyn FnMut(&Chunk)) -> Totals {
    let mut totals = Totals::default();
    for mut chunk in chunks {
        for_each_word(&mut chunk.text, |word| totals.add(&word, 1));
        seen(&chunk);
    }
    totals
}
