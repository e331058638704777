//! Starting this very program again, as another process.
//!
//! The program is named by `/proc/self/exe`, which stays the same file when its path has been
//! replaced by an upgrade. The memory is shared until the exec, so the cost does not grow with the
//! size of the process. Descriptors are passed under fixed numbers, and all others
//! are closed before the exec: afterwards it could not be told which of them a constructor of some
//! library has opened for itself.

#![allow(unsafe_code)]

use std::env;
use std::ffi::{CStr, CString, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::ptr;
use std::sync::OnceLock;

use rustix::io::{Errno, Result};
use rustix::process::Pid;

use super::name::TITLE_BYTES;
use super::{pidfd, process, vfork};

/// A process that was started: its number, and the descriptor that means it for good.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
}

/// The number that the first descriptor passed to a start has in the new process; the others
/// follow it.
pub(crate) const FIRST_PASSED: RawFd = 3;

/// This program, whatever has become of its path.
const PROGRAM: &CStr = c"/proc/self/exe";

/// Starts this program anew, with `variable` added to the environment, the descriptors of `pass`
/// open under the numbers from [`FIRST_PASSED`] on, stdin at `/dev/null`, stdout and stderr as
/// ours, no signal blocked; in `group` if the kernel lets it begin there, or where we are.
///
/// Must be called by the thread whose end is to be the child's parent's end. Only this thread may
/// reap, or the descriptor could mean another process.
///
/// # Errors
/// `ENOENT` where /proc is not mounted, `EAGAIN` at the limit of processes, `ENOMEM`, `EMFILE`.
pub(crate) fn start(variable: (&str, &str), pass: &[BorrowedFd<'_>], group: Option<BorrowedFd<'_>>) -> Result<Started> {
    let room = format!("{:TITLE_BYTES$}", "");
    let arguments = [c"actor-core".to_owned(), CString::new(room).map_err(|_| Errno::INVAL)?];
    let environment = environment_with(variable);
    // Copies above all target numbers: none is overwritten before it was passed itself.
    let first_copy = FIRST_PASSED + pass.len() as RawFd;
    let pass = pass.iter().map(|fd| copy_from(*fd, first_copy)).collect::<Result<Vec<_>>>()?;
    if let Some(group) = group {
        let (arguments, environment) = (pointers(&arguments), pointers(&environment));
        let plan = vfork::Plan {
            program: PROGRAM,
            arguments: &arguments,
            environment: &environment,
            pass: &pass,
            first: FIRST_PASSED,
        };
        match vfork::start(&plan, group) {
            Ok((pid, pidfd)) => return Ok(Started { pid, pidfd }),
            Err(vfork::Failure::Exec(error)) => return Err(error),
            // A sandbox may know this call less well than the C library does, and a group be full.
            Err(vfork::Failure::Clone(_)) => {}
        }
    }
    let pid = spawn(&arguments, &environment, &pass)?;
    // These may be all the descriptors that there are.
    drop(pass);
    // What cannot be watched must not run: nobody would know of it.
    let pidfd = pidfd::open(pid).inspect_err(|_| process::kill_and_reap(pid.as_raw_nonzero().get() as u32))?;
    Ok(Started { pid, pidfd })
}

/// Whether [`start`] closes what it does not pass. Where the C library is too old for that, the
/// new process has to do it.
pub(crate) fn closes_others() -> bool {
    add_close_from().is_some()
}

/// Our environment with one variable set, as `NAME=value` strings.
fn environment_with(variable: (&str, &str)) -> Vec<CString> {
    let (name, value) = variable;
    env::vars_os()
        .filter(|(own, _)| own != OsStr::new(name))
        .chain([(name.into(), value.into())])
        .filter_map(|(name, value)| {
            let mut line = name.into_vec();
            line.push(b'=');
            line.extend_from_slice(value.as_bytes());
            CString::new(line).ok()
        })
        .collect()
}

/// `int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *file_actions,
/// const posix_spawnattr_t *attrp, char *const argv[], char *const envp[])` - starts a program.
/// Man page: posix_spawn(3).
fn spawn(arguments: &[CString], environment: &[CString], pass: &[OwnedFd]) -> Result<Pid> {
    let actions = FileActions::new(pass)?;
    let attributes = Attributes::new()?;
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    let mut pid = 0;
    // SAFETY: Path and lists end with zero as the call wants; strings, actions and attributes live
    // until it returns, which is after the exec.
    check(unsafe {
        libc::posix_spawn(
            &raw mut pid,
            PROGRAM.as_ptr(),
            &raw const actions.0,
            &raw const attributes.0,
            arguments.as_ptr(),
            environment.as_ptr(),
        )
    })?;
    Pid::from_raw(pid).ok_or(Errno::SRCH)
}

fn pointers(strings: &[CString]) -> Vec<*mut libc::c_char> {
    let strings = strings.iter().map(|string| string.as_ptr().cast_mut());
    strings.chain([ptr::null_mut()]).collect()
}

/// What the child does with its descriptors before the exec.
struct FileActions(libc::posix_spawn_file_actions_t);

impl FileActions {
    fn new(pass: &[OwnedFd]) -> Result<FileActions> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: The call initialises what it is given, or fails.
        let mut actions = FileActions(unsafe {
            check(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
            actions.assume_init()
        });
        actions.open_null()?;
        for (number, descriptor) in (FIRST_PASSED..).zip(pass) {
            actions.pass(descriptor.as_raw_fd(), number)?;
        }
        actions.close_from(FIRST_PASSED + pass.len() as RawFd)?;
        Ok(actions)
    }

    fn open_null(&mut self) -> Result<()> {
        let path = c"/dev/null".as_ptr();
        // SAFETY: The actions are initialised; the C library copies the path.
        check(unsafe { libc::posix_spawn_file_actions_addopen(&raw mut self.0, 0, path, libc::O_RDONLY, 0) })
    }

    fn pass(&mut self, descriptor: RawFd, number: RawFd) -> Result<()> {
        // SAFETY: The actions are initialised.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut self.0, descriptor, number) })
    }

    fn close_from(&mut self, first: RawFd) -> Result<()> {
        // SAFETY: The actions are initialised, and the function is the one that was looked up.
        add_close_from().map_or(Ok(()), |add| check(unsafe { add(&raw mut self.0, first) }))
    }
}

/// `int fcntl(int fd, F_DUPFD_CLOEXEC, int min)` - copies a descriptor to a number not below `min`.
/// Man page: fcntl(2).
fn copy_from(descriptor: BorrowedFd<'_>, min: RawFd) -> Result<OwnedFd> {
    rustix::io::fcntl_dupfd_cloexec(descriptor, min)
}

/// `int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int from)` - looked
/// up by name, because C libraries have it only since 2021. Man page: posix_spawn(3).
fn add_close_from() -> Option<AddCloseFrom> {
    static FOUND: OnceLock<Option<AddCloseFrom>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let name = c"posix_spawn_file_actions_addclosefrom_np";
        // SAFETY: A look-up by a name that ends with zero.
        let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        // SAFETY: A function of this name has this type in every C library that has it; the null
        // pointer becomes `None`.
        unsafe { std::mem::transmute::<*mut libc::c_void, Option<AddCloseFrom>>(address) }
    })
}

type AddCloseFrom = unsafe extern "C" fn(*mut libc::posix_spawn_file_actions_t, libc::c_int) -> libc::c_int;

impl Drop for FileActions {
    fn drop(&mut self) {
        // SAFETY: Initialised in `new`, and destroyed once.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

/// How the child starts: with no signal blocked.
struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new() -> Result<Attributes> {
        let mut attributes = MaybeUninit::uninit();
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: The first call initialises the attributes, `sigemptyset` the set; the others
        // change attributes that are initialised.
        unsafe {
            check(libc::posix_spawnattr_init(attributes.as_mut_ptr()))?;
            let mut attributes = Attributes(attributes.assume_init());
            libc::sigemptyset(none.as_mut_ptr());
            check(libc::posix_spawnattr_setsigmask(&raw mut attributes.0, none.as_ptr()))?;
            let flags = libc::POSIX_SPAWN_SETSIGMASK as libc::c_short;
            check(libc::posix_spawnattr_setflags(&raw mut attributes.0, flags))?;
            Ok(attributes)
        }
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: Initialised in `new`, and destroyed once.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

/// These calls return their error instead of setting it.
fn check(result: i32) -> Result<()> {
    match result {
        0 => Ok(()),
        error => Err(Errno::from_raw_os_error(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let environment = environment_with(("ACTOR_CORE_EXEC_TEST", "a=b"));
        assert_eq!(environment.last().unwrap().as_c_str(), c"ACTOR_CORE_EXEC_TEST=a=b");
        assert_eq!(environment.len(), env::vars_os().count() + 1);
    }
}
