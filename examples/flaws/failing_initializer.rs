//! The initializer of a pool fails in every worker: after a few attempts that is the error of the pool.
//!
//! Elsewhere a worker is started after the other, without end, while the first task waits.
//!
//! `cargo run --example failing_initializer` prints
//!
//! ```text
//! no result: the workers of the pool do not start: `worker-1` (pid 4711) failed: no licence
//! ```

use actor_core::pool::{Initializer, Options};

fn open(path: String) -> Result<(), String> {
    Err(format!("no {path}"))
}

fn main() -> actor_core::Result<()> {
    // ANCHOR: pool
    let initializer = Initializer::new(open, "licence".to_owned())?;
    let pool = Options { workers: 1, initializer: Some(initializer), ..Options::default() }.start()?;
    match pool.apply(|n: u32| n + 1, 41) {
        Ok(number) => println!("{number}"),
        Err(error) => println!("no result: {error}"),
    }
    // ANCHOR_END: pool
    Ok(())
}
