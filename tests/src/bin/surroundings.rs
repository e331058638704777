//! What a process finds around it, after its node has changed its own surroundings.
//!
//! Everything is told on stderr, because stdout and stdin are among what a test takes away.

use std::error::Error;
use std::fs;
use std::path::Path;

use actor_core::process::Process;
use actor_tests::foreign;
use rustix::fs::Mode;

fn main() -> Result<(), Box<dyn Error>> {
    Process::spawn(|()| (), ())?.join()?;
    let directory = std::env::args().nth(1).ok_or("usage: surroundings DIRECTORY")?;
    std::env::set_current_dir(&directory)?;
    rustix::process::umask(Mode::from_raw_mode(0o027));
    foreign::set_variable("SURROUNDINGS", "changed");
    foreign::block_signals();
    let seen = Process::spawn(|()| look_around(), ())?.join()?;
    eprintln!("{seen}done: yes");
    Ok(())
}

/// A line for each thing there is to see.
fn look_around() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let status: Vec<&str> =
        status.lines().filter(|line| line.starts_with("Sig") || line.starts_with("Umask")).collect();
    let directory = std::env::current_dir().unwrap_or_default();
    let variable = std::env::var("SURROUNDINGS").unwrap_or_default();
    let (stdin, directory) = (target(Path::new("/proc/self/fd/0")), directory.display());
    let mut open: Vec<String> = fs::read_dir("/proc/self/fd")
        .map(|entries| entries.flatten().map(|entry| target(&entry.path())).collect())
        .unwrap_or_default();
    // The folder itself, which is open while it is read.
    open.retain(|target| !target.is_empty() && !target.starts_with("/proc/"));
    let lines = [
        format!("stdin: {stdin}"),
        format!("directory: {directory}"),
        format!("variable: {variable}"),
        format!("open: {}", open.len()),
        status.join("\n"),
    ];
    lines.join("\n") + "\n"
}

fn target(link: &Path) -> String {
    fs::read_link(link).map(|target| target.display().to_string()).unwrap_or_default()
}
