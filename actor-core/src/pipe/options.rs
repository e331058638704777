//! Making pipes, and how large they are.
//!
//! Sizes are checked where the window is laid out, as those of queues are.

use super::duplex::PipeEnd;
use super::half::Half;
use super::receiver::Receiver;
use super::sender::Sender;
use crate::node;
use crate::queue::CreateError;
use crate::shm::handle::Handle;
use crate::shm::layout::Shape;
use crate::shm::table::MakeError;
use crate::shm::window::Kind;

/// Makes a pipe that goes both ways: the first end sends `T` and receives `U`, the second the other way
/// round. For 256 messages of up to 1 MiB in each direction; see [`Options`] for other sizes.
///
/// # Errors
/// See [`CreateError`]: too many queues and pipes, no memory.
#[doc(alias("Pipe", "socketpair"))]
pub fn pipe<T, U>() -> Result<Ends<T, U>, CreateError> {
    Options::default().pipe()
}

/// Makes a pipe that goes one way. The receiving end comes first, as in Python.
///
/// ```
/// use actor_core::pipe;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (receiver, sender) = pipe::simplex::<u32>()?;
/// sender.send(7)?;
/// sender.close();
/// assert_eq!(receiver.recv(), Ok(7));
/// assert_eq!(receiver.recv(), Err(pipe::RecvError::Eof));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As for [`pipe`].
#[doc(alias = "duplex=False")]
pub fn simplex<T>() -> Result<(Receiver<T>, Sender<T>), CreateError> {
    Options::default().simplex()
}

/// The two ends of a pipe that goes both ways.
pub type Ends<T, U> = (PipeEnd<T, U>, PipeEnd<U, T>);

/// How large each direction of a pipe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Messages that can be on their way, from 1 to 8 388 608; who sends one more waits.
    pub capacity: usize,
    /// Bytes of the largest encoded message, up to 1 GiB. Room is reserved as address space, not as memory.
    pub message_max: usize,
    /// Bytes that large messages (more than 112 encoded bytes) can have together, for each of the
    /// size classes 1 KiB, 4 KiB, 16 KiB, …; each class has room for one message at least.
    pub bytes: usize,
}

impl Default for Options {
    /// 256 messages of up to 1 MiB, and 8 MiB of large ones at once.
    fn default() -> Options {
        Options { capacity: 256, message_max: 1 << 20, bytes: 8 << 20 }
    }
}

impl Options {
    /// Makes a pipe that goes both ways, see [`pipe`].
    ///
    /// # Errors
    /// See [`CreateError`]: a size out of bounds, too many queues and pipes, no memory.
    pub fn pipe<T, U>(self) -> Result<Ends<T, U>, CreateError> {
        let ((there, forth), (back, here)) = (self.simplex()?, self.simplex()?);
        Ok((PipeEnd::new(forth, back), PipeEnd::new(here, there)))
    }

    /// Makes a pipe that goes one way, see [`simplex`].
    ///
    /// # Errors
    /// As for [`Options::pipe`].
    pub fn simplex<T>(self) -> Result<(Receiver<T>, Sender<T>), CreateError> {
        let Options { capacity, message_max, bytes } = self;
        let out_of_bounds = CreateError::OutOfBounds { capacity, message_max };
        let Ok(slots) = u32::try_from(capacity) else { return Err(out_of_bounds) };
        // Nobody holds a message for long, so there are no hands.
        let shape = Shape { capacity: slots, hands: 0, message_max: message_max as u64, bytes: bytes as u64 };
        let segment = node::ensure().map_err(CreateError::Memory)?;
        let handle = match Handle::make(segment, Kind::Pipe, shape) {
            Ok(handle) => handle,
            Err(MakeError::Shape(_)) => return Err(out_of_bounds),
            Err(error) => return Err(error.into()),
        };
        let (sender, receiver) = Half::both(handle).ok_or(CreateError::Exhausted)?;
        Ok((Receiver::new(receiver), Sender::new(sender)))
    }
}
