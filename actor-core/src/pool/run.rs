//! One item of a task in a worker: arguments in, outcome out, whatever the function does.
//!
//! A panic is the outcome of its item: the worker lives on. What it said and where is taken by a panic hook
//! while a task runs, and goes to whoever has the task instead of to stderr. A process that is built to
//! abort at a panic dies of it, as of anything else.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::message::{self, Outcome, Panic, write_outcome};
use crate::wire;

/// What [`enter`] gets and gives back: the buffers of the worker, used again and again. In a box, since to pass it
/// by itself took a fifth of the time of a small item.
pub(super) struct Run {
    /// The function, as it has travelled.
    pub(super) function: u64,
    pub(super) task: Vec<u8>,
    /// Where the arguments lie in the task.
    pub(super) item: Range<usize>,
    /// Results; that of this item is appended.
    pub(super) results: Vec<u8>,
}

/// Runs one item of a task whose function goes from `A` to `R`. Entered by its offset.
pub(super) fn enter<A: DeserializeOwned, R: Serialize>(mut run: Box<Run>) -> Box<Run> {
    let start = run.results.len();
    let Some(function) = message::function::<A, R>(run.function) else {
        refuse(&mut run.results, Outcome::Unread, "the function is not in this executable");
        return run;
    };
    let args = match wire::decode::<A>(&run.task[run.item.clone()]) {
        Ok(args) => args,
        Err(error) => {
            refuse(&mut run.results, Outcome::Unread, &error.to_string());
            return run;
        }
    };
    IS_AT_WORK.set(true);
    let results = &mut run.results;
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let result = function(args);
        let mut encoded = Ok(());
        write_outcome(results, Outcome::Returned, |bytes| encoded = wire::encode_into(bytes, &result));
        encoded
    }));
    IS_AT_WORK.set(false);
    match caught {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            run.results.truncate(start);
            refuse(&mut run.results, Outcome::Unsent, &error.to_string());
        }
        Err(payload) => {
            // Its drop may panic as well.
            std::mem::forget(payload);
            run.results.truncate(start);
            let panic = LAST_PANIC.take();
            write_outcome(&mut run.results, Outcome::Panicked, |bytes| {
                wire::encode_into(bytes, &panic).expect("two texts can be encoded");
            });
        }
    }
    run
}

/// An outcome that is a text.
pub(super) fn refuse(results: &mut Vec<u8>, outcome: Outcome, text: &str) {
    write_outcome(results, outcome, |bytes| bytes.extend_from_slice(text.as_bytes()));
}

thread_local! {
    static IS_AT_WORK: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<Panic> = const { RefCell::new(Panic { message: String::new(), location: String::new() }) };
}

/// Bytes of what a panic says that travel.
const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// Has panics of tasks told to those whose tasks they are. Once, when the worker begins.
pub(super) fn listen_to_panics() {
    let chained = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if cfg!(panic = "abort") || !IS_AT_WORK.get() {
            return chained(info);
        }
        let text = info.payload_as_str().unwrap_or("a value that is not a text");
        let end = text.floor_char_boundary(MESSAGE_BYTES_MAX);
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let _ = LAST_PANIC.try_with(|last| last.replace(Panic { message: text[..end].to_owned(), location }));
    }));
}
