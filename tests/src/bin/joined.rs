//! A program that leaves a daemon and another process behind its `main`. The arguments say how `main` ends, and
//! whether the other process ends of itself.

use std::time::Duration;

use actor_core::node::set_join_timeout;
use actor_core::pipe::{self, Receiver, RecvError, Sender};
use actor_core::process::Options;
use actor_tests::foreign;
use actor_tests::mains::CODE;

#[actor_core::main]
fn main() -> actor_core::Result<()> {
    let word = |at: usize| std::env::args().nth(at).unwrap_or_default();
    if word(2) == "stays-for-a-moment" {
        set_join_timeout(Duration::from_millis(50));
    }
    let (news, end) = pipe::simplex::<()>()?;
    let _daemon = Options { daemon: true, ..Options::default() }.spawn(stay_with, end)?;
    let _other = Options::default().spawn(outlive, (news, word(2)))?;
    println!("ready: {}", std::process::id());
    match word(1).as_str() {
        "return" => Ok(()),
        "exit" => std::process::exit(CODE),
        "panic" => panic!("a panic in main"),
        _ => loop {
            std::thread::park();
        },
    }
}

fn stay_with(_end: Sender<()>) {
    foreign::sleep_in_c(1000);
}

/// Ends, or does not, when the daemon has ended.
fn outlive((news, how): (Receiver<()>, String)) {
    let end = news.recv();
    let Err(RecvError::Disconnected(cause)) = end else { panic!("{end:?}") };
    println!("daemon: {}", cause.report().map(|report| report.reason.to_string()).unwrap_or_default());
    if how != "ends" {
        foreign::sleep_in_c(1000);
    }
    println!("other: done");
}
