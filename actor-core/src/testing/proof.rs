//! The shared memory of a queue as bytes, for the proof that any state of it is repaired.
//!
//! A state that an operation passes through can be kept, put back, and repaired as the node does after a
//! death, many times and without a death. Nobody else may be at work on the queue meanwhile, and nobody
//! may be known to the node as dead or alive who is not: these functions change none of its books.

use std::io;
use std::sync::atomic::Ordering::Relaxed;

use crate::id::Participant;
use crate::queue::{OrderedQueue, Queue};
use crate::shm::layout::HAND_BYTES;
use crate::shm::segment::attached;
use crate::shm::window::Window;

/// The memory of a queue of any sort.
#[derive(Clone, Copy)]
pub struct Shared<'a>(&'a Window);

impl<'a, T> From<&'a Queue<T>> for Shared<'a> {
    fn from(queue: &'a Queue<T>) -> Shared<'a> {
        Shared(queue.window().expect("the queue exists"))
    }
}

impl<'a, T, O> From<&'a OrderedQueue<T, O>> for Shared<'a> {
    fn from(queue: &'a OrderedQueue<T, O>) -> Shared<'a> {
        Shared(queue.window().expect("the queue exists"))
    }
}

/// The participant that this process is.
///
/// # Panics
/// This process is part of no node.
pub fn me() -> u16 {
    attached().expect("this process is part of a node").me().0
}

/// What governs the queue: its header and all of its words, and the messages beside them.
///
/// # Errors
/// The system does not let us read.
pub fn words<'a>(queue: impl Into<Shared<'a>>) -> io::Result<Vec<u8>> {
    let Shared(window) = queue.into();
    read(window, window.layout.hands + u64::from(window.layout.shape.hands) * HAND_BYTES)
}

/// All of the queue, the large messages among it.
///
/// # Errors
/// The system does not let us read.
pub fn image<'a>(queue: impl Into<Shared<'a>>) -> io::Result<Vec<u8>> {
    let Shared(window) = queue.into();
    read(window, window.layout.total)
}

/// Makes the queue what it was when the image was taken.
///
/// # Errors
/// The system does not let us write.
pub fn put<'a>(queue: impl Into<Shared<'a>>, image: &[u8]) -> io::Result<()> {
    let Shared(window) = queue.into();
    window.segment.write(window.id.index, image)
}

/// Lets nobody ask the node to give memory of the queue back, so that it leaves the queue alone; or does
/// away with that.
pub fn keep_memory<'a>(queue: impl Into<Shared<'a>>, keep: bool) {
    queue.into().0.header().state.trim_asked.store(u32::from(keep), Relaxed);
}

/// Repairs the queue as after the death of a participant.
pub fn repair<'a>(queue: impl Into<Shared<'a>>, dead: u16) {
    queue.into().0.repair(Participant(dead));
}

fn read(window: &Window, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length as usize];
    window.segment.read(window.id.index, &mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Options;

    #[test]
    fn smoke() {
        let queue = Options { message_max: 4000, bytes: 8000, ..Options::new(2) }.create::<String>().unwrap();
        keep_memory(&queue, true);
        queue.send("short".to_owned()).unwrap();
        queue.send("long".repeat(500)).unwrap();
        let (words, image) = (words(&queue).unwrap(), image(&queue).unwrap());
        assert!(image.starts_with(&words));
        assert_eq!(queue.recv().unwrap(), "short");
        assert_eq!(queue.recv().unwrap().len(), 2000);
        put(&queue, &image).unwrap();
        repair(&queue, me() + 1);
        assert_eq!((queue.len(), queue.recv().unwrap().as_str()), (2, "short"));
        assert_eq!(queue.recv().unwrap().len(), 2000);
    }
}
