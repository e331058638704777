//! A program with a constructor that ends or hangs in processes of the node, before they are anything.
//!
//! `constructor exits|hangs` says what became of an actor whose process was started so.

#![allow(unsafe_code)]

use std::error::Error;
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_tests::foreign;
use serde::{Deserialize, Serialize};

/// Says what the constructor does. Not there when the program begins.
const VARIABLE: &str = "ACTOR_TESTS_CONSTRUCTOR";
const START_TIMEOUT: Duration = Duration::from_millis(500);

// SAFETY: A constructor of the form that the section is for, which calls only what may be called
// before `main`. The number puts it before those that have none, the crate's own among them.
#[unsafe(link_section = ".init_array.00101")]
#[used]
static CONSTRUCTOR: extern "C" fn() = {
    extern "C" fn construct() {
        match std::env::var(VARIABLE).as_deref() {
            Ok("exits") => foreign::exit_now(3),
            Ok("hangs") => foreign::sleep_in_c(1000),
            _ => {}
        }
    }
    construct
};

#[derive(Actor, Serialize, Deserialize)]
struct Unborn;

#[handlers]
impl Unborn {
    #[call]
    fn nothing(&self) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    foreign::set_variable(VARIABLE, &std::env::args().nth(1).unwrap_or_default());
    let options = SpawnOptions { start_timeout: START_TIMEOUT, ..SpawnOptions::default() };
    let begin = Instant::now();
    let spawned = Unborn::define(Unborn).with(options).spawn();
    println!("took: {}", begin.elapsed().as_millis());
    match spawned {
        Err(SpawnError::Died { report, .. }) => println!("outcome: died, {:?}", report.reason),
        Err(SpawnError::Timeout { .. }) => println!("outcome: timeout"),
        other => println!("outcome: {other:?}"),
    }
    Ok(())
}
