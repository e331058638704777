//! Processes that send when they are told to.

use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// They have begun and wait for the word; they are waited for when this is dropped.
pub(crate) struct Senders {
    word: Queue<()>,
    processes: Vec<Process<()>>,
}

/// What a sender gets: where the word comes from, and what it needs besides.
pub(crate) type Briefed<A> = (Queue<()>, A);

impl Senders {
    /// A process for each of `args`; `send` has to wait for the word first.
    pub(crate) fn start<A>(send: fn(Briefed<A>), args: impl IntoIterator<Item = A>) -> Senders
    where
        A: Serialize + DeserializeOwned,
    {
        let word: Queue<()> = Queue::bounded(64).expect("a queue");
        let spawn = |args| Process::spawn(send, (word.clone(), args)).expect("a sender");
        let processes = args.into_iter().map(spawn).collect();
        Senders { word, processes }
    }

    pub(crate) fn go(&self) {
        self.processes.iter().for_each(|_| self.word.send(()).expect("a sender waits"));
    }

    pub(crate) fn join(&self) {
        self.processes.iter().for_each(|process| process.join().expect("a sender"));
    }
}

impl Drop for Senders {
    fn drop(&mut self) {
        self.join();
        self.word.close(Close::Now);
    }
}
