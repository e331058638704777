//! What others do with signals: an actor is told to do something, to end, and is killed.
//!
//! A handler of an actor runs between two pieces of work and may do whatever it likes; one of a signal
//! runs in the middle of anything, and may do next to nothing.
//!
//! `cargo run --example signals` prints
//!
//! ```text
//! reloaded, for the 1st time
//! files are closed
//! the first one stopped as asked
//! the second one was killed on request
//! the third one died of signal 10 (SIGUSR1)
//! ```

use actor_core::prelude::*;
use actor_core::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Daemon {
    reloads: u32,
}

#[handlers]
impl Daemon {
    /// What SIGHUP is for.
    #[cast]
    fn reload(&mut self) {
        self.reloads += 1;
        println!("reloaded, for the {}st time", self.reloads);
    }

    /// What SIGTERM is for: everything that was sent before has been handled.
    #[terminate]
    fn leave(&mut self) {
        println!("files are closed");
    }
}

fn main() -> actor_core::Result<()> {
    let first = Daemon { reloads: 0 }.spawn()?;
    first.reload().send()?;
    println!("the first one {}", first.stop()?.reason);

    let second = Daemon { reloads: 0 }.spawn()?;
    println!("the second one {}", second.kill()?.reason);

    // A signal of the system is what it always was, and its effect is told.
    let third = Process::spawn(|()| std::thread::park(), ())?;
    let pid = Pid::from_raw(third.pid().cast_signed()).expect("no process has the number 0");
    kill_process(pid, Signal::USR1).expect("it is ours");
    third.join().expect_err("it does not come to its end");
    if let Some(report) = third.exit_report() {
        println!("the third one {}", report.reason);
    }
    Ok(())
}
