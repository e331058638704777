//! The start-up channel between the node and its zygote: handshake, orders, outcomes.
//!
//! The only file that names `ipc_channel`, and where its edges are filed off. It has no accept with
//! a timeout, so the zygote serves and the node connects, once the name has come through a pipe.
//! Its `send` blocks after a few hundred messages, so there are never more than
//! [`UNANSWERED_MAX`] orders without an outcome. Messages larger than a socket's buffer are sent in
//! parts and can hang a reader, so all are small, and whatever is large travels in shared memory.
//! It has no descriptor to wait for, so whoever sends rings the node's bell afterwards.
//!
//! Nothing here waits for anybody, except the zygote's own [`Switchboard::next`].

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender};
use ipc_channel::{IpcError, TryRecvError};
use serde::{Deserialize, Serialize};

use crate::id::Participant;
use crate::sys::{environment, process};
use crate::time::Deadline;

/// How many orders may be under way. A socket holds 277 small messages; these are far fewer, so a
/// stopped zygote cannot block the node, and enough to keep a zygote busy.
pub(crate) const UNANSWERED_MAX: usize = 64;

/// The longest text of an error in an outcome; longer ones are clipped.
const TEXT_MAX: usize = 1024;

/// The longest directory in which a socket can have a name: `sun_path` holds 108 bytes, of which
/// the channel takes some 20 for a directory of its own and `socket`.
const DIRECTORY_BYTES_MAX: usize = 80;

/// Who is speaking. Equal build ids make code offsets mean the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) build_id: Vec<u8>,
    pub(crate) protocol: u32,
    pub(crate) pid: u32,
}

/// "Make the process of this participant." What it is to do stands in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) ticket: u64,
    pub(crate) participant: Participant,
}

/// What became of an order: the pid, or why there is no process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) ticket: u64,
    pub(crate) result: Result<u32, String>,
}

/// What the node reads from its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The handshake is complete: orders may be sent.
    Ready(Hello),
    Outcome(Outcome),
}

/// Why the start-up channel does not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error("no directory for the start-up socket is both writable and short enough: set TMPDIR")]
    NoDirectory,
    #[error("the start-up socket could not be made in `{}`", .0.display())]
    Serve(PathBuf, #[source] io::Error),
    #[error("the start-up socket `{0}` could not be reached")]
    Connect(String, #[source] io::Error),
    #[error("the zygote is another build than the node: {theirs:?} and not {ours:?}")]
    VersionMismatch { ours: Hello, theirs: Hello },
    #[error("the other end of the start-up channel is gone")]
    Disconnected,
    #[error("{UNANSWERED_MAX} orders are unanswered")]
    Busy,
    #[error("the start-up channel carried something else than was due")]
    OutOfTurn,
    #[error("the start-up channel failed: {0}")]
    Failed(String),
}

/// From the node to the zygote.
#[derive(Debug, Serialize, Deserialize)]
enum ToZygote {
    Hello(Hello, IpcSender<ToNode>),
    Order(Order),
}

/// From the zygote to the node.
#[derive(Debug, Serialize, Deserialize)]
enum ToNode {
    Hello(Hello),
    Outcome(Outcome),
}

impl Hello {
    /// # Errors
    /// The two may not work together. A build without any identity is equal to nobody.
    fn check(&self, theirs: &Hello) -> Result<(), ControlError> {
        let known = !self.build_id.is_empty();
        if known && self.build_id == theirs.build_id && self.protocol == theirs.protocol {
            return Ok(());
        }
        Err(ControlError::VersionMismatch { ours: self.clone(), theirs: theirs.clone() })
    }
}

/// The node's end.
#[derive(Debug)]
pub(crate) struct Line {
    own: Hello,
    orders: IpcSender<ToZygote>,
    answers: IpcReceiver<ToNode>,
    is_ready: bool,
    unanswered: usize,
}

impl Line {
    /// Connects to the zygote that has sent `name`, and says hello. [`next`](Line::next) will give
    /// [`Answer::Ready`] once it has answered.
    ///
    /// If nobody listens there any more, the channel's crate leaves the descriptor open: the caller
    /// should know of no death of the zygote.
    ///
    /// # Errors
    /// Nobody listens there any more, or there are no descriptors.
    pub(crate) fn connect(name: &str, own: Hello) -> Result<Line, ControlError> {
        let failed = |error| ControlError::Connect(name.to_owned(), error);
        let orders = IpcSender::connect(name.to_owned()).map_err(failed)?;
        let (sender, answers) = ipc::channel().map_err(failed)?;
        // The receiving end of answers leaves with the message, so a dead zygote is a closed line.
        send_first(&orders, ToZygote::Hello(own.clone(), sender)).map_err(failed)??;
        Ok(Line { own, orders, answers, is_ready: false, unanswered: 0 })
    }

    /// Sends an order. Its outcome will come through [`next`](Line::next), exactly once, or the
    /// line will be disconnected.
    ///
    /// # Errors
    /// `Busy` if too many are unanswered, `OutOfTurn` before the line is ready, `Disconnected`.
    pub(crate) fn order(&mut self, order: Order) -> Result<(), ControlError> {
        if !self.is_ready {
            return Err(ControlError::OutOfTurn);
        }
        if self.unanswered == UNANSWERED_MAX {
            return Err(ControlError::Busy);
        }
        self.orders.send(ToZygote::Order(order)).map_err(from_ipc)?;
        self.unanswered += 1;
        Ok(())
    }

    /// Whether the zygote has anything to say: it only answers.
    pub(crate) fn is_answer_due(&self) -> bool {
        !self.is_ready || self.unanswered > 0
    }

    /// What the zygote has said, `None` if nothing new. To be asked after each ring of the bell
    /// until it is `None`.
    ///
    /// # Errors
    /// `VersionMismatch`, `Disconnected`: the line is of no more use.
    pub(crate) fn next(&mut self) -> Result<Option<Answer>, ControlError> {
        let received = caught(|| match self.answers.try_recv() {
            Ok(message) => Ok(Some(message)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::IpcError(error)) => Err(from_ipc(error)),
        });
        let Some(message) = received? else { return Ok(None) };
        match message {
            ToNode::Hello(theirs) if !self.is_ready => {
                self.own.check(&theirs)?;
                self.is_ready = true;
                Ok(Some(Answer::Ready(theirs)))
            }
            ToNode::Outcome(outcome) if self.unanswered > 0 => {
                self.unanswered -= 1;
                Ok(Some(Answer::Outcome(outcome)))
            }
            ToNode::Hello(_) | ToNode::Outcome(_) => Err(ControlError::OutOfTurn),
        }
    }
}

/// Where the zygote listens before the node has come.
pub(crate) struct Server {
    server: IpcOneShotServer<ToZygote>,
    name: String,
    directory: PathBuf,
}

impl Server {
    /// Makes `directory`, for this user only, and a socket in it.
    ///
    /// # Errors
    /// The directory exists already or cannot be made, or there is no socket.
    pub(crate) fn open(directory: &Path) -> Result<Server, ControlError> {
        let failed = |error| ControlError::Serve(directory.to_owned(), error);
        DirBuilder::new().mode(0o700).create(directory).map_err(failed)?;
        let (server, name) = serve_in(directory).map_err(|error| {
            remove_directory(directory);
            failed(error)
        })?;
        Ok(Server { server, name, directory: directory.to_owned() })
    }

    /// What the node needs to connect.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Takes the node's connection and says hello. It must be there already: nothing here ends a
    /// wait for a node that never comes.
    ///
    /// # Errors
    /// The node is gone again, or is another build.
    pub(crate) fn accept(self, own: Hello) -> Result<Switchboard, ControlError> {
        let accepted = caught(|| self.server.accept().map_err(from_ipc));
        remove_directory(&self.directory);
        let (orders, first) = accepted?;
        let ToZygote::Hello(theirs, answers) = first else {
            return Err(ControlError::OutOfTurn);
        };
        // Said before it is checked, so that the node learns of a mismatch as well.
        answers.send(ToNode::Hello(own.clone())).map_err(from_ipc)?;
        own.check(&theirs)?;
        Ok(Switchboard { orders, answers })
    }

    /// Gives up and leaves nothing behind.
    pub(crate) fn abandon(self) {
        drop(self.server);
        remove_directory(&self.directory);
    }
}

/// The zygote's end.
pub(crate) struct Switchboard {
    orders: IpcReceiver<ToZygote>,
    answers: IpcSender<ToNode>,
}

impl Switchboard {
    /// Waits for the next order.
    ///
    /// # Errors
    /// `Disconnected` once the node is gone; another if it has sent what is no order.
    pub(crate) fn next(&self) -> Result<Order, ControlError> {
        match caught(|| self.orders.recv().map_err(from_ipc))? {
            ToZygote::Order(order) => Ok(order),
            ToZygote::Hello(..) => Err(ControlError::OutOfTurn),
        }
    }

    /// Tells the node what became of an order. Its bell must be rung afterwards.
    ///
    /// # Errors
    /// `Disconnected` once the node is gone.
    pub(crate) fn answer(&self, mut outcome: Outcome) -> Result<(), ControlError> {
        if let Err(text) = &mut outcome.result {
            let end = (0..=TEXT_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or(0));
        }
        self.answers.send(ToNode::Outcome(outcome)).map_err(from_ipc)
    }
}

/// A path for the socket's directory that nobody has yet. The node chooses it, so that it can
/// remove what a killed zygote has left, and the zygote makes it.
///
/// # Errors
/// No place for temporary files is writable and has a path short enough.
pub(crate) fn choose_directory() -> Result<PathBuf, ControlError> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("actor-core-{}-{count}", std::process::id());
    [std::env::temp_dir(), "/tmp".into(), "/dev/shm".into()]
        .into_iter()
        .filter(|base| rustix::fs::access(base, rustix::fs::Access::WRITE_OK).is_ok())
        .map(|base| base.join(&name))
        .find(|path| path.to_str().is_some_and(|path| path.len() <= DIRECTORY_BYTES_MAX && !path.contains(',')))
        .ok_or(ControlError::NoDirectory)
}

/// Removes the directory of a socket with all that can be in it, and tells whether it is gone, which it
/// may have been before. To look into it takes descriptors; without any it stays.
pub(crate) fn remove_directory(directory: &Path) -> bool {
    match fs::remove_dir_all(directory) {
        // Whoever shares the task has been faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => !directory.exists(),
        outcome => outcome.is_ok(),
    }
}

/// The channel takes its place from `TMPDIR` and draws a name from a generator of random numbers
/// that it seeds for the calling thread. Every process that is forked later would go on with the
/// same numbers, so the name is drawn in a thread that is gone by then.
fn serve_in(directory: &Path) -> io::Result<(IpcOneShotServer<ToZygote>, String)> {
    const VARIABLE: &str = "TMPDIR";
    let set = |value: Option<OsString>| match environment::apply(&[(VARIABLE.into(), value)]) {
        true => Ok(()),
        false => Err(io::Error::other("the process has a second thread")),
    };
    let before = std::env::var_os(VARIABLE);
    set(Some(directory.into()))?;
    let serve = thread::Builder::new().stack_size(256 << 10).spawn(IpcOneShotServer::new)?;
    let served = serve.join().unwrap_or_else(|_| Err(io::Error::other("the channel's set-up panicked")));
    wait_until_alone()?;
    set(before)?;
    served
}

/// A thread that was joined has ended, but the kernel may still be taking it off its list.
fn wait_until_alone() -> io::Result<()> {
    let deadline = Deadline::after(Duration::from_secs(1));
    while process::thread_count()? != 1 {
        if deadline.has_passed() {
            return Err(io::Error::other("the process has a second thread"));
        }
        thread::yield_now();
    }
    Ok(())
}

/// The channel measures a socket of its own before the first message of a process, and panics where it
/// cannot have one. So two descriptors are tried first; and if another thread has them in between, the
/// panic must not be the end of the node's thread, which would be that of the program.
///
/// # Errors
/// There are no descriptors; the inner error is that of the message.
fn send_first(orders: &IpcSender<ToZygote>, message: ToZygote) -> io::Result<Result<(), ControlError>> {
    drop(io::pipe()?);
    let sent = panic::catch_unwind(AssertUnwindSafe(|| orders.send(message)));
    let sent = sent.map_err(|_| io::Error::other("the channel panicked over its first message"))?;
    Ok(sent.map_err(from_ipc))
}

/// The channel indexes with numbers that it has read: a message that names more channels than have come
/// with it is a panic, and so is one of which the descriptors were lost.
fn caught<T>(receive: impl FnOnce() -> Result<T, ControlError>) -> Result<T, ControlError> {
    let received = panic::catch_unwind(AssertUnwindSafe(receive));
    received.unwrap_or_else(|_| Err(ControlError::Failed("the channel panicked over a message".to_owned())))
}

fn from_ipc(error: IpcError) -> ControlError {
    match error {
        IpcError::Disconnected => ControlError::Disconnected,
        IpcError::Io(error) if is_gone(&error) => ControlError::Disconnected,
        other => ControlError::Failed(other.to_string()),
    }
}

/// A socket says in several ways that nobody is at the other end.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}

/// Reads bytes as the zygote would read them, and as the node would; whether each takes them.
#[cfg(feature = "testing")]
pub(crate) fn read_bytes(bytes: &[u8]) -> [bool; 2] {
    let message = || ipc::IpcMessage::from_data(bytes.to_vec());
    [
        caught(|| message().to::<ToZygote>().map_err(|error| from_ipc(error.into()))).is_ok(),
        caught(|| message().to::<ToNode>().map_err(|error| from_ipc(error.into()))).is_ok(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(build: u8) -> Hello {
        Hello { build_id: vec![build; 20], protocol: 1, pid: u32::from(build) }
    }

    /// A server in the usual place for temporary files: this process has threads, so its
    /// environment stays as it is.
    fn server() -> Server {
        let (server, name) = IpcOneShotServer::new().unwrap();
        let directory = Path::new(&name).parent().unwrap().to_owned();
        Server { server, name, directory }
    }

    fn connected() -> (Line, Switchboard) {
        let server = server();
        let mut line = Line::connect(server.name(), hello(1)).unwrap();
        let switchboard = server.accept(hello(1)).unwrap();
        assert_eq!(line.next().unwrap(), Some(Answer::Ready(hello(1))));
        (line, switchboard)
    }

    fn order(ticket: u64) -> Order {
        Order { ticket, participant: Participant(7) }
    }

    #[test]
    fn smoke() {
        let (mut line, switchboard) = connected();
        line.order(order(1)).unwrap();
        line.order(order(2)).unwrap();
        assert_eq!(line.next().unwrap(), None);
        assert_eq!(switchboard.next().unwrap(), order(1));
        assert_eq!(switchboard.next().unwrap(), order(2));
        for outcome in [Outcome { ticket: 2, result: Ok(99) }, Outcome { ticket: 1, result: Err("no process".into()) }]
        {
            switchboard.answer(outcome.clone()).unwrap();
            assert_eq!(line.next().unwrap(), Some(Answer::Outcome(outcome)));
        }
        assert_eq!(line.next().unwrap(), None);
    }

    #[test]
    fn p_24_another_build_is_refused_on_both_sides() {
        for (node, zygote) in [(hello(1), hello(2)), (Hello { protocol: 2, ..hello(1) }, hello(1))] {
            let server = server();
            let mut line = Line::connect(server.name(), node.clone()).unwrap();
            let refused = server.accept(zygote.clone()).err().unwrap();
            assert!(matches!(refused, ControlError::VersionMismatch { .. }), "{refused}");
            let refused = line.next().unwrap_err();
            assert!(matches!(refused, ControlError::VersionMismatch { .. }), "{refused}");
            assert!(matches!(line.order(order(1)), Err(ControlError::OutOfTurn)));
        }
    }

    #[test]
    fn builds_without_identity_are_not_equal() {
        let nobody = Hello { build_id: Vec::new(), ..hello(1) };
        assert!(nobody.check(&nobody).is_err());
    }

    #[test]
    fn orders_to_a_stopped_zygote_are_refused_and_do_not_block() {
        let (mut line, switchboard) = connected();
        for ticket in 0..UNANSWERED_MAX as u64 {
            line.order(order(ticket)).unwrap();
        }
        assert!(matches!(line.order(order(1000)), Err(ControlError::Busy)));
        assert_eq!(switchboard.next().unwrap(), order(0));
        switchboard.answer(Outcome { ticket: 0, result: Ok(1) }).unwrap();
        assert!(line.next().unwrap().is_some());
        line.order(order(1000)).unwrap();
    }

    #[test]
    fn the_end_of_one_side_is_told_to_the_other() {
        let (mut line, switchboard) = connected();
        switchboard.answer(Outcome { ticket: 5, result: Ok(1) }).unwrap();
        drop(switchboard);
        // Nobody has asked for ticket 5: a zygote out of its mind is not believed.
        assert!(matches!(line.next(), Err(ControlError::OutOfTurn)));
        // Other tests fork, and until their children have ended they hold copies of every end.
        let end = loop {
            match line.next() {
                Ok(None) => thread::yield_now(),
                end => break end,
            }
        };
        assert!(matches!(end, Err(ControlError::Disconnected)));
        while line.orders.send(ToZygote::Order(order(1))).is_ok() {}
        assert!(matches!(line.order(order(1)), Err(ControlError::Disconnected)));

        let (line, switchboard) = connected();
        drop(line);
        assert!(matches!(switchboard.next(), Err(ControlError::Disconnected)));
        let outcome = Outcome { ticket: 1, result: Ok(1) };
        while switchboard.answer(outcome.clone()).is_ok() {}
        assert!(matches!(switchboard.answer(outcome), Err(ControlError::Disconnected)));
    }

    #[test]
    fn long_texts_are_clipped_between_letters() {
        let (mut line, switchboard) = connected();
        line.order(order(1)).unwrap();
        switchboard.answer(Outcome { ticket: 1, result: Err("ä".repeat(100_000)) }).unwrap();
        let Some(Answer::Outcome(outcome)) = line.next().unwrap() else { panic!("an outcome is due") };
        assert_eq!(outcome.result.unwrap_err(), "ä".repeat(TEXT_MAX / 2));
    }

    #[test]
    fn nothing_is_left_of_a_server() {
        let used = server();
        let directory = used.directory.clone();
        let _line = Line::connect(used.name(), hello(1)).unwrap();
        used.accept(hello(1)).unwrap();
        assert!(!directory.exists());

        let unused = server();
        let directory = unused.directory.clone();
        unused.abandon();
        assert!(!directory.exists());
    }

    #[test]
    fn directories_are_new_and_short() {
        let (one, two) = (choose_directory().unwrap(), choose_directory().unwrap());
        assert_ne!(one, two);
        assert!(!one.exists() && one.as_os_str().len() <= DIRECTORY_BYTES_MAX);
    }
}
