//! The node's side of a start: which program, which descriptors, which words.
//!
//! Nothing here waits. The thread that calls is the one whose end is the end of what it has
//! started, so it must be one that lives as long as the node.

use std::io::ErrorKind::{Interrupted, WouldBlock};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::cgroup::Cgroup;
pub(crate) use super::role::Announcement;
use super::role::{Role, VARIABLE};
use crate::control::{self, ControlError, Line};
use crate::id::Participant;
use crate::shm::segment::{PROTOCOL, Segment};
use crate::sys::exec::{self, Started};
use crate::sys::{Errno, image, process};

/// A zygote that has been started and has not yet said its name.
#[derive(Debug)]
pub(crate) struct UnnamedZygote {
    pub(crate) started: Started,
    /// Readable once the zygote has said something, or has died without. Non-blocking.
    pub(crate) announcement: UnixStream,
    /// To be removed when the zygote is ready or dead, with [`control::remove_directory`].
    pub(crate) directory: PathBuf,
}

/// Why no process could be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    #[error(transparent)]
    Directory(#[from] ControlError),
    #[error("the socket between node and zygote could not be made")]
    Socket(#[source] io::Error),
    #[error("this program could not be started again from /proc/self/exe")]
    Exec(#[source] Errno),
}

/// Starts a zygote, which then guards `cgroup`, too. It says its name; to be read with
/// [`read_announcement`](UnnamedZygote::read_announcement).
///
/// # Errors
/// There is no place for a socket, or the kernel makes no process.
pub(crate) fn zygote(
    segment: &Segment,
    bell: BorrowedFd<'_>,
    cgroup: Option<&Cgroup>,
) -> Result<UnnamedZygote, LaunchError> {
    let directory = control::choose_directory()?;
    let (announcement, announce) = UnixStream::pair().map_err(LaunchError::Socket)?;
    announcement.set_nonblocking(true).map_err(LaunchError::Socket)?;
    let role = Role::Zygote { directory: directory.clone(), has_cgroup: cgroup.is_some() };
    let pass: Vec<_> = [segment.fd(), bell, announce.as_fd()].into_iter().chain(cgroup.map(Cgroup::fd)).collect();
    let started = start(&role, &pass, None).inspect_err(|_| {
        // It may have run for a while, and have been killed because nobody could watch it.
        control::remove_directory(&directory);
    })?;
    Ok(UnnamedZygote { started, announcement, directory })
}

/// Starts the process of a participant whose record holds its order, without a zygote, and in `group`.
///
/// # Errors
/// The kernel makes no process.
pub(crate) fn actor(
    segment: &Segment,
    bell: BorrowedFd<'_>,
    participant: Participant,
    group: Option<BorrowedFd<'_>>,
) -> Result<Started, LaunchError> {
    start(&Role::Actor { participant }, &[segment.fd(), bell], group)
}

fn start(role: &Role, pass: &[BorrowedFd<'_>], group: Option<BorrowedFd<'_>>) -> Result<Started, LaunchError> {
    exec::start((VARIABLE, &role.to_text()), pass, group).map_err(LaunchError::Exec)
}

/// What this process says of itself on a start-up channel.
pub(crate) fn hello() -> control::Hello {
    control::Hello {
        build_id: image::executable().build_id().to_vec(),
        protocol: PROTOCOL,
        pid: process::id().as_raw_nonzero().get() as u32,
    }
}

impl UnnamedZygote {
    /// What the zygote has said, `None` if nothing yet. Dying without a word is a failure, too.
    pub(crate) fn read_announcement(&self) -> Option<Announcement> {
        let mut buffer = [0; 2048];
        let failed = |text: String| Some(Announcement::Failed(text));
        match (&self.announcement).read(&mut buffer) {
            Ok(0) => failed("the zygote has ended before it was ready".into()),
            Ok(count) => Announcement::from_bytes(&buffer[..count])
                .or_else(|| failed("the zygote has said something else than its name".into())),
            Err(error) if matches!(error.kind(), WouldBlock | Interrupted) => None,
            Err(error) => failed(format!("the zygote's socket cannot be read: {error}")),
        }
    }

    /// Connects to the zygote under the name that it has announced. It is ready when the line says
    /// so.
    ///
    /// To drop this value instead is to tell the zygote that nobody will come: it leaves.
    ///
    /// # Errors
    /// The zygote is gone.
    pub(crate) fn connect(&self, name: &str) -> Result<Line, ControlError> {
        let line = Line::connect(name, hello())?;
        // Only now, because the zygote's wait for a connection has no other end than one.
        (&self.announcement).write_all(&[1]).map_err(|_| ControlError::Disconnected)?;
        Ok(line)
    }
}
