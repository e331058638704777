//! A process with fields and a method that it runs, where others derive from a class.
//!
//! `cargo run --example custom_process` prints
//!
//! ```text
//! 3
//! 2
//! 1
//! `apollo` has lifted off
//! ```

use actor_core::process::{Options, Process, SpawnError};
use serde::{Deserialize, Serialize};

/// What the process knows when it begins.
#[derive(Serialize, Deserialize)]
struct Countdown {
    rocket: String,
    from: u32,
}

impl Countdown {
    fn start(self) -> Result<Process<String>, SpawnError> {
        let options = Options { name: Some(self.rocket.clone()), ..Options::default() };
        options.spawn(Countdown::run, self)
    }

    /// What it does.
    fn run(self) -> String {
        for number in (1..=self.from).rev() {
            println!("{number}");
        }
        format!("`{}` has lifted off", self.rocket)
    }
}

fn main() -> actor_core::Result<()> {
    let countdown = Countdown { rocket: "apollo".into(), from: 3 }.start()?;
    println!("{}", countdown.join()?);
    Ok(())
}
