//! A number and an array in memory that processes share: the child changes what the parent sees.
//!
//! `cargo run --example shared_value` prints
//!
//! ```text
//! 3.1415927
//! [0, -1, -2, -3, -4]
//! ```

use actor_core::process::Process;
use actor_core::shared::{Shared, SharedArray};

fn change((number, array): (Shared<f32>, SharedArray<i32>)) {
    number.set(std::f32::consts::PI).expect("it is there");
    let mut array = array.lock().expect("nobody has died with it");
    array.for_each(|_, item| *item = -*item);
}

fn main() -> actor_core::Result<()> {
    let (number, array) = (Shared::new(0.0)?, SharedArray::from_slice(&[0, 1, 2, 3, 4])?);
    Process::spawn(change, (number.clone(), array.clone()))?.join()?;
    println!("{}", number.get().expect("it is there"));
    println!("{:?}", array.read(0..array.len()).expect("it is there"));
    Ok(())
}
