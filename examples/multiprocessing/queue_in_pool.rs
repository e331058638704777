//! A queue that the workers of a pool report to: a handle is an argument like others.
//!
//! `cargo run --example queue_in_pool` prints
//!
//! ```text
//! reported: [1, 2, 3, 4, 5, 6]
//! returned: 21
//! ```

use actor_core::pool::Pool;
use actor_core::queue::{Close, Queue};

fn report((number, reports): (u32, Queue<u32>)) -> u32 {
    reports.send(number).expect("the queue is open");
    number
}

fn main() -> actor_core::Result<()> {
    let reports = Queue::bounded(16)?;
    let pool = Pool::new(3)?;
    let returned = pool.map(report, (1..=6).map(|number| (number, reports.clone())))?;
    reports.close(Close::Drain);
    let mut reported: Vec<u32> = reports.iter().collect();
    reported.sort();
    println!("reported: {reported:?}");
    println!("returned: {}", returned.iter().sum::<u32>());
    Ok(())
}
