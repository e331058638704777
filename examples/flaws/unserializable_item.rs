//! An item that cannot be sent is an error of whoever sends it, who has it back.
//!
//! Elsewhere a thread behind the queue finds out later, writes it to stderr and drops the item.
//!
//! `cargo run --example unserializable_item` prints
//!
//! ```text
//! not sent: path contains invalid UTF-8 characters
//! it came back: "caf\xE9"
//! and the queue goes on: "tea"
//! ```

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use actor_core::queue::{Queue, SendError};

fn main() -> actor_core::Result<()> {
    // ANCHOR: send
    let queue: Queue<PathBuf> = Queue::bounded(4)?;
    let latin = PathBuf::from(OsString::from_vec(b"caf\xE9".to_vec()));
    match queue.send(latin) {
        Err(SendError::Encode { item, error }) => {
            println!("not sent: {error}");
            println!("it came back: {item:?}");
        }
        other => panic!("{other:?}"),
    }
    queue.send("tea".into())?;
    println!("and the queue goes on: {:?}", queue.recv()?);
    // ANCHOR_END: send
    Ok(())
}
