//! A pool of processes: one task, many in order, and as they are done.
//!
//! `cargo run --example pool` prints
//!
//! ```text
//! one: 4
//! many: [0, 1, 4, 9]
//! of an endless input: [0, 1, 4]
//! as they are done, sorted: [0, 1, 4, 9]
//! asked for now, waited for later: 81
//! the task panicked at examples/multiprocessing/pool.rs:23:5: 13 brings bad luck
//! and the pool goes on: 196
//! ```

use actor_core::pool::Pool;

fn square(n: u64) -> u64 {
    n * n
}

/// As bad a task as any.
fn careful(n: u64) -> u64 {
    assert!(n != 13, "13 brings bad luck");
    square(n)
}

fn main() -> actor_core::Result<()> {
    let pool = Pool::new(2)?;
    println!("one: {}", pool.apply(square, 2)?);
    println!("many: {:?}", pool.map(square, 0..4)?);
    println!("of an endless input: {:?}", pool.imap(square, 0..).take(3).collect::<Result<Vec<_>, _>>()?);
    let mut squares = pool.imap_unordered(square, 0..4).collect::<Result<Vec<_>, _>>()?;
    squares.sort();
    println!("as they are done, sorted: {squares:?}");
    let later = pool.submit(square, 9)?;
    println!("asked for now, waited for later: {}", later.wait()?);
    if let Err(error) = pool.apply(careful, 13) {
        println!("{error}");
    }
    println!("and the pool goes on: {}", pool.apply(careful, 14)?);
    Ok(())
}
