//! Actors that wait for messages and have none: one, many at once, and one that is started again.

use std::thread;
use std::time::Duration;

use actor_core::Peer;
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

/// Waits.
#[derive(Actor, Serialize, Deserialize)]
#[actor(capacity = 16)]
pub(crate) struct Idle;

#[handlers]
impl Idle {
    #[call]
    fn process(&mut self) -> u32 {
        std::process::id()
    }

    #[call]
    fn befriend(&mut self, other: Peer, context: &mut Context<Self>) {
        context.link(other).expect("a link");
    }
}

/// Many of them, until it is dropped.
pub(crate) struct Crowd(pub(crate) Vec<ActorRef<Idle>>);

impl Crowd {
    /// Spawns from several threads, as an application that is in a hurry does.
    pub(crate) fn spawn(count: usize) -> Crowd {
        const THREADS: usize = 8;
        let spawn = |share: usize| (0..share).map(|_| Idle.spawn().expect("an actor")).collect::<Vec<_>>();
        thread::scope(|scope| {
            let share = |number| count / THREADS + usize::from(number < count % THREADS);
            let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || spawn(share(number)))).collect();
            Crowd(threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect())
        })
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // Who was linked may have ended by that.
        self.0.iter().for_each(|actor| drop(actor.kill()));
    }
}

/// One under a supervisor, until it is dropped.
pub(crate) struct Supervised {
    pub(crate) idle: ActorRef<Idle>,
    supervisor: Supervisor,
}

impl Supervised {
    pub(crate) fn start() -> Supervised {
        let intensity = Intensity { restarts: u32::MAX, period: Duration::from_secs(1) };
        let mut builder = Supervisor::builder().intensity(intensity);
        let idle = builder.child(Idle).expect("a child");
        Supervised { idle, supervisor: builder.start().expect("a supervisor") }
    }

    /// Kills it, which takes the node a request, and has the next life handle a message.
    pub(crate) fn kill_and_ask(&self) -> u32 {
        self.idle.kill().expect("an end");
        self.idle.process().wait().expect("a process")
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.supervisor.stop().expect("an end");
    }
}
