//! Timers: an actor that looks after its sessions at regular times, and a door that closes by itself.
//!
//! `cargo run --example timers` prints
//!
//! ```text
//! `alice` was idle and is logged out
//! somebody comes, and the door stays open
//! the door is closed
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::queue::Queue;
use actor_core::{Missed, Tick};
use serde::{Deserialize, Serialize};

const IDLE_MAX: Duration = Duration::from_millis(50);

// ANCHOR: ticks
/// Logs out whoever is idle.
#[derive(Actor)]
struct Sessions {
    log: Queue<String>,
    seen: BTreeMap<String, Instant>,
}

#[handlers]
impl Sessions {
    #[init]
    fn new(log: Queue<String>, context: &mut Context<Self>) -> Result<Sessions, Failure> {
        context.every(Duration::from_millis(10), Missed::Skip).map_err(Failure::new)?;
        Ok(Sessions { log, seen: BTreeMap::new() })
    }

    #[cast]
    fn saw(&mut self, name: String) {
        self.seen.insert(name, Instant::now());
    }

    #[info]
    fn look_around(&mut self, tick: Tick) {
        let is_idle = |seen: Instant| IDLE_MAX < tick.due.saturating_duration_since(seen);
        for (name, _) in self.seen.extract_if(.., |_, seen| is_idle(*seen)) {
            let _ = self.log.send(format!("`{name}` was idle and is logged out"));
        }
    }
}
// ANCHOR_END: ticks

/// Is open until somebody closes it.
#[derive(Actor, Serialize, Deserialize)]
struct Door {
    log: Queue<String>,
}

#[handlers]
impl Door {
    #[cast]
    fn close(&mut self) {
        let _ = self.log.send("the door is closed".to_owned());
    }
}

fn main() -> actor_core::Result<()> {
    let log = Queue::bounded(16)?;
    let sessions = Sessions::define(log.clone()).spawn()?;
    sessions.saw("alice".into()).send()?;
    println!("{}", log.recv()?);

    // ANCHOR: later
    let door = Door { log: log.clone() }.spawn()?;
    let closing = door.close().send_after(Duration::from_secs(60))?;
    if closing.cancel()? {
        println!("somebody comes, and the door stays open");
    }
    door.close().send_after(Duration::from_millis(20))?;
    println!("{}", log.recv()?);
    // ANCHOR_END: later
    Ok(())
}
