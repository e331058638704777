//! `node KIND COUNT END`: a node with processes that do not want to go. What it does stands in
//! `busy.rs`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, count, end] = &arguments[..] else { return Err("usage: node KIND COUNT END".into()) };
    actor_tests::busy::main(kind, count.parse()?, end)
}
