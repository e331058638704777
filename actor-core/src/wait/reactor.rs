//! Descriptors to Rust wakers, by one thread and one epoll per process.
//!
//! The thread only says that something has happened at a descriptor; whoever is woken looks at it himself,
//! and has it armed again if it was not for him. It starts with the first wait for a descriptor in async
//! code. It must not read, write or close anything: the descriptors are those of others, and whoever has
//! armed one takes it back before he lets go of it.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use super::descriptor::Interest;
use crate::sys::{Errno, epoll};

/// The place of one who waits for a descriptor.
#[derive(Debug, Default)]
pub(crate) struct Armed {
    place: Option<(RawFd, u64)>,
}

impl Armed {
    /// Wakes `waker` once when `source` may have what is waited for. Until [`Armed::disarm`] it must be the
    /// same descriptor.
    ///
    /// # Errors
    /// The system has no room for another thread, or for more descriptors to be watched.
    pub(crate) fn arm(&mut self, source: BorrowedFd<'_>, interest: Interest, waker: &Waker) -> io::Result<()> {
        let reactor = reactor()?;
        let descriptor = source.as_raw_fd();
        let mut table = reactor.table();
        let (_, number) = *self.place.get_or_insert_with(|| {
            table.last += 1;
            (descriptor, table.last)
        });
        let waiting = table.waiting.entry(descriptor).or_default();
        let before = waiting.insert(number, (interest, waker.clone()));
        let reads = waiting.values().any(|(interest, _)| interest.reads());
        let writes = waiting.values().any(|(interest, _)| interest.writes());
        let result = epoll::arm(reactor.epoll.as_fd(), source, token(descriptor), (reads, writes));
        drop(table);
        // Behind the lock: a waker may be the last that holds a task, with whatever waits in that.
        drop(before);
        match result {
            // A plain file, which can always be read and written.
            Err(Errno::PERM) => waker.wake_by_ref(),
            result => result?,
        }
        Ok(())
    }

    /// Forgets that somebody waits for `source`.
    pub(crate) fn disarm(&mut self, source: BorrowedFd<'_>) {
        let (Some((descriptor, number)), Some(reactor)) = (self.place.take(), REACTOR.get()) else { return };
        let mut table = reactor.table();
        let waiting = table.waiting.entry(descriptor).or_default();
        let before = waiting.remove(&number);
        if waiting.is_empty() {
            table.waiting.remove(&descriptor);
            // It is not there if it is a plain file.
            let _ = epoll::remove(reactor.epoll.as_fd(), source);
        }
        drop(table);
        drop(before);
    }
}

struct Reactor {
    epoll: OwnedFd,
    table: Mutex<Table>,
}

/// Who waits for what.
struct Table {
    last: u64,
    waiting: BTreeMap<RawFd, BTreeMap<u64, (Interest, Waker)>>,
}

static REACTOR: OnceLock<Reactor> = OnceLock::new();

/// The number of the descriptor that stays.
#[cfg(feature = "testing")]
pub(crate) fn number() -> Option<RawFd> {
    REACTOR.get().map(|reactor| reactor.epoll.as_raw_fd())
}

fn reactor() -> io::Result<&'static Reactor> {
    static STARTING: Mutex<()> = Mutex::new(());
    if let Some(reactor) = REACTOR.get() {
        return Ok(reactor);
    }
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(reactor) = REACTOR.get() {
        return Ok(reactor);
    }
    let epoll = epoll::create()?;
    let thread = std::thread::Builder::new().name("actor-fds".into());
    // It waits for what is about to be set, so that there is none without the other.
    thread.spawn(|| serve(REACTOR.wait()))?;
    let table = Mutex::new(Table { last: 0, waiting: BTreeMap::new() });
    Ok(REACTOR.get_or_init(|| Reactor { epoll, table }))
}

impl Reactor {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(reactor: &Reactor) {
    let mut ready = Vec::new();
    loop {
        epoll::wait(reactor.epoll.as_fd(), &mut ready, None).expect("an open epoll can be waited for");
        for token in &ready {
            // Taken as they are now: who has come since the event looks once more than he need.
            let woken = reactor.table().waiting.remove(&descriptor(*token));
            woken.into_iter().flatten().for_each(|(_, (_, waker))| waker.wake());
        }
    }
}

fn token(descriptor: RawFd) -> u64 {
    u64::from(descriptor.cast_unsigned())
}

fn descriptor(token: u64) -> RawFd {
    (token as u32).cast_signed()
}
