//! A reply that comes piece by piece, from a parser that does not come to the end of its file.
//!
//! `cargo run --example lines_of_a_crashing_parser` prints
//!
//! ```text
//! line 1: 3 words
//! line 2: 4 words
//! line 3: 2 words
//! no more: `Parser` (pid 4711) died of signal 11 (SIGSEGV), while handling `words`
//! the first two only: [3, 4]
//! ```

use actor_core::StreamError;
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

// ANCHOR: parser
/// Reads line by line, with what may crash.
#[derive(Actor, Serialize, Deserialize)]
struct Parser {
    lines: u64,
}

#[handlers]
impl Parser {
    /// The number of words of each line of a text.
    #[call]
    fn words(&mut self, text: String) -> impl Iterator<Item = usize> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let line = text[at..].split_inclusive('\n').next()?;
            at += line.len();
            self.lines += 1;
            Some(count(line))
        })
    }
}
// ANCHOR_END: parser

fn count(line: &str) -> usize {
    if line.contains('\0') {
        // What a bad pointer in a C library does to the process it is in.
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::SEGV).unwrap();
    }
    line.split_whitespace().count()
}

const TEXT: &str = "one two three\none two three four\none two\n\0\none\n";

fn main() -> actor_core::Result<()> {
    // ANCHOR: read
    let parser = Parser { lines: 0 }.spawn()?;
    for (number, words) in (1..).zip(parser.words(TEXT.into()).wait()?) {
        match words {
            Ok(words) => println!("line {number}: {words} words"),
            Err(StreamError::Died(report)) => println!("no more: {report}"),
            Err(error) => return Err(error.into()),
        }
    }
    // ANCHOR_END: read

    // ANCHOR: some
    let parser = Parser { lines: 0 }.spawn()?;
    let first: Result<Vec<usize>, _> = parser.words(TEXT.into()).look_ahead(1).wait()?.take(2).collect();
    println!("the first two only: {:?}", first?);
    // ANCHOR_END: some
    Ok(())
}
