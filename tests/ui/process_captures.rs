//! The function of a process is entered in another process, which has none of this one's variables.
use actor_core::process::Process;

fn main() {
    let factor = 3;
    let _ = Process::spawn(|n: u64| n * factor, 14);
}
