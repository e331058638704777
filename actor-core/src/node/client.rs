//! Asking the node: a call like any other, from any thread of any of its processes.

use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use super::request::{Answer, Counters, DeadLetter, LINKS_MAX, Request};
use super::thread;
use crate::boot::StartMethod;
use crate::exit::ExitReport;
use crate::id::{ActorId, Participant, ProcessId, WindowId};
use crate::mailbox::{Envelope, Mailbox, PostError, ReplyAddress};
use crate::reply::{OpenError, Purpose, ReplyKind, ReplySlot};
use crate::shm::segment::{self, Segment};
use crate::time::Deadline;
use crate::wire::{self, DecodeError, EncodeError};

/// Why the node gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("the node could not be started: {0}")]
    Start(io::Error),
    #[error("the node did not answer in time")]
    TimedOut,
    #[error("the node is gone")]
    Gone,
    #[error(transparent)]
    Slot(OpenError),
    #[error("the request cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
    #[error("the request has {size} bytes, the node takes {max}")]
    TooLarge { size: usize, max: usize },
    #[error("the answer cannot be read: {0}")]
    Decode(#[from] DecodeError),
    #[error("{0}")]
    Refused(String),
}

/// Part of the text, which is all that most of these errors become.
impl From<io::Error> for AskError {
    fn from(error: io::Error) -> AskError {
        AskError::Start(error)
    }
}

/// Asks the node, starting it if this process is to become one.
///
/// # Errors
/// There was no answer; see [`AskError`].
pub(crate) fn ask(request: &Request, deadline: Deadline) -> Result<Answer, AskError> {
    let segment = ensure()?;
    let mut slot = match ReplySlot::open(segment, request.purpose(), deadline) {
        Ok(slot) => slot,
        Err(OpenError::Full) => return Err(AskError::TimedOut),
        Err(error) => return Err(AskError::Slot(error)),
    };
    send(segment, request, Some(slot.address()), deadline)?;
    // The node thread sleeps in its interest list, so nothing comes back within a spin.
    wire::with_buffer(|buffer| match slot.wait_asleep(deadline, buffer) {
        Some(kind) => read(kind, buffer),
        None => Err(AskError::TimedOut),
    })
}

/// The answer that the node has given.
pub(super) fn read(kind: ReplyKind, payload: &[u8]) -> Result<Answer, AskError> {
    match kind {
        ReplyKind::Value => Ok(wire::decode(payload)?),
        ReplyKind::NoProc | ReplyKind::Closed | ReplyKind::Exit => Err(AskError::Gone),
        ReplyKind::Error | ReplyKind::Failed | ReplyKind::Unanswered => {
            Err(AskError::Refused(String::from_utf8_lossy(payload).into_owned()))
        }
    }
}

/// Tells the node something that it need not know before `about` ends, without waking it for that.
///
/// # Errors
/// The node was not told, see [`AskError`].
pub(crate) fn tell_quietly(request: &Request, about: ProcessId, deadline: Deadline) -> Result<(), AskError> {
    let segment = ensure()?;
    let record = segment.record(about.participant);
    record.set_watched();
    post(segment, request, None, deadline)?;
    // In the first case the node may have looked for such requests before. In the second it sees to it
    // that they do not keep others from its mailbox.
    if record.is_dying() || record.generation() != about.generation || is_one_of_many() {
        segment.ring_bell();
    }
    Ok(())
}

/// Says so for some of those who ask.
fn is_one_of_many() -> bool {
    const QUIET_MAX: u32 = 128;
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed) % QUIET_MAX == QUIET_MAX - 1
}

/// Tells the node something that it does not answer. What cannot be told in time is dropped.
pub(crate) fn tell(request: &Request) {
    const PATIENCE: Duration = Duration::from_secs(1);
    if let Some(segment) = segment::attached() {
        let _ = send(segment, request, None, Deadline::after(PATIENCE));
    }
}

impl Request {
    pub(super) fn purpose(&self) -> Purpose {
        match self {
            // These wait for as long as others live.
            Request::JoinActor { .. } | Request::JoinSupervisor { .. } => Purpose::Call,
            _ => Purpose::Request,
        }
    }
}

pub(super) fn send(
    segment: &'static Segment,
    request: &Request,
    reply: Option<ReplyAddress>,
    deadline: Deadline,
) -> Result<(), AskError> {
    post(segment, request, reply, deadline)?;
    // The node thread waits for descriptors, not for the words of its mailbox.
    segment.ring_bell();
    Ok(())
}

/// Puts a request into the node's mailbox and leaves the node asleep.
fn post(
    segment: &'static Segment,
    request: &Request,
    reply: Option<ReplyAddress>,
    deadline: Deadline,
) -> Result<(), AskError> {
    let id = segment.node_mailbox().ok_or(AskError::Gone)?;
    let mailbox = Mailbox::attach(ActorId(id)).ok_or(AskError::Gone)?;
    let envelope = Envelope::plain(segment.me(), reply);
    wire::with_buffer(|buffer| {
        wire::encode_into(buffer, request)?;
        let posted = match mailbox.post(&envelope, buffer, Deadline::Now) {
            // It may be full of what nobody has rung for.
            Err(PostError::Full) => {
                segment.ring_bell();
                mailbox.post(&envelope, buffer, deadline)
            }
            posted => posted,
        };
        posted.map_err(|error| match error {
            PostError::Full => AskError::TimedOut,
            PostError::Closed | PostError::Gone => AskError::Gone,
            PostError::TooLarge { size, max } => AskError::TooLarge { size, max },
            PostError::NoMemory => AskError::Start(io::ErrorKind::OutOfMemory.into()),
        })
    })
}

/// The segment of this process, and in a process that is nobody's a node to go with it.
///
/// # Errors
/// The system lacks something that a node needs.
pub(crate) fn ensure() -> io::Result<&'static Segment> {
    static STARTING: Mutex<()> = Mutex::new(());
    let segment = segment::segment()?;
    if segment.me() != Participant::NODE || segment.node_mailbox().is_some() {
        return Ok(segment);
    }
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if segment.node_mailbox().is_none() {
        thread::start(segment)?;
    }
    Ok(segment)
}

/// Exit signals that this process has taken from the node, and that nobody has taken here.
pub(crate) static EXITS_WAITING: AtomicUsize = AtomicUsize::new(0);

/// This process, as one to which another is to be linked from its beginning.
///
/// # Errors
/// There is no node and can be none, or there are so many exit signals that nobody looks at.
pub(crate) fn as_parent() -> Result<ProcessId, String> {
    let segment = ensure().map_err(|error| error.to_string())?;
    if LINKS_MAX <= EXITS_WAITING.load(Ordering::Relaxed) {
        return Err(format!("there are {LINKS_MAX} exit signals that nobody has taken"));
    }
    let me = segment.me();
    Ok(ProcessId { participant: me, generation: segment.record(me).generation() })
}

/// 0 is undecided, then [`StartMethod`] plus one.
static START_METHOD: AtomicU8 = AtomicU8::new(0);

/// Decides how the processes of this node are started, from now on, unless their options say it.
///
/// Without a decision it is the zygote, or what the environment variable
/// `ACTOR_CORE_START_METHOD` (`zygote` or `exec`) says when the node is started.
pub fn set_start_method(method: StartMethod) {
    START_METHOD.store(method as u8 + 1, Ordering::Relaxed);
}

/// The decision, if there is one.
pub(super) fn start_method() -> StartMethod {
    match START_METHOD.load(Ordering::Relaxed) {
        1 => StartMethod::Zygote,
        2 => StartMethod::Exec,
        _ => match std::env::var("ACTOR_CORE_START_METHOD").as_deref() {
            Ok("exec") => StartMethod::Exec,
            _ => StartMethod::Zygote,
        },
    }
}

/// How long to wait for an answer that the node has at hand.
const AT_HAND: Duration = Duration::from_secs(5);

/// Takes up to `max` dead letters, the oldest first, out of the node's store.
///
/// The store holds up to 1024 letters with 16 MiB of arguments in all. The oldest are dropped to
/// make room, and a letter of more than 16 MiB at once; [`Counters::dead_letters_dropped`] counts
/// both. One answer has up to 8 MiB, and a letter at least: ask again until there is none.
///
/// ```
/// use actor_core::node;
/// use actor_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Actor, Serialize, Deserialize)]
/// struct Fragile;
///
/// #[handlers]
/// impl Fragile {
///     #[cast]
///     fn take(&mut self, text: String) {
///         panic!("{text}");
///     }
/// }
///
/// fn main() -> actor_core::Result<()> {
///     let fragile = Fragile.spawn()?;
///     fragile.take("too much".into()).send()?;
///     let _ = fragile.stop(); // has ended, of itself or by this
///     let letters = node::dead_letters(10)?;
///     assert_eq!(letters[0].handler, "take");
///     assert_eq!(letters[0].arguments::<(String,)>()?, ("too much".to_owned(),));
///     assert_eq!(node::counters()?.dead_letters, 1);
///     Ok(())
/// }
/// ```
/// # Errors
/// The node is gone or does not answer within 5 s.
pub fn dead_letters(max: usize) -> io::Result<Vec<DeadLetter>> {
    match ask(&Request::DeadLetters { max }, Deadline::after(AT_HAND)) {
        Ok(Answer::DeadLetters(letters)) => Ok(letters),
        Ok(other) => Err(io::Error::other(format!("the node answered {other:?}"))),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// How somebody ended who died with this in its hands, if the node still knows.
pub(crate) fn obituary(left: WindowId, dead: ProcessId) -> Option<ExitReport> {
    match ask(&Request::Obituary { left, dead }, Deadline::after(AT_HAND)) {
        Ok(Answer::Obituary(report)) => Some(*report),
        Ok(_) | Err(_) => None,
    }
}

/// What the node has counted since it started.
///
/// # Errors
/// The node is gone or does not answer within 5 s.
pub fn counters() -> io::Result<Counters> {
    match ask(&Request::Counters, Deadline::after(AT_HAND)) {
        Ok(Answer::Counters(counters)) => Ok(counters),
        Ok(other) => Err(io::Error::other(format!("the node answered {other:?}"))),
        Err(error) => Err(io::Error::other(error)),
    }
}
