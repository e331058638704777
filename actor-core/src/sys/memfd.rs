//! Anonymous memory behind a descriptor: created sparse, sealed at its size, checked on arrival.
//!
//! A memfd has no name in any file system, so nothing is left behind by a crash. Sealing its size
//! is what makes it safe to map: nobody can shrink it under our feet and turn an access into a
//! SIGBUS. Mapping, reserving and punching are in [`super::map`].

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{self, MemfdFlags, SealFlags};
use rustix::io::{Errno, Result, retry_on_intr};
use rustix::process::Resource;

/// What [`seal`] sets and [`check`] demands: the size is final, and so are the seals.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// Creates a sparse memfd of `size` bytes and seals it there. No memory is used until it is
/// touched or reserved.
///
/// # Errors
/// The error of `memfd_create`, `ftruncate` or `fcntl`; `EFBIG` for a size past what a file may have.
pub(crate) fn create_sealed(name: &CStr, size: u64) -> Result<OwnedFd> {
    // The kernel would not only refuse, it would end the program by SIGXFSZ.
    if file_size_max().is_some_and(|max| max < size) {
        return Err(Errno::FBIG);
    }
    let memory = create(name)?;
    truncate(memory.as_fd(), size)?;
    seal(memory.as_fd())?;
    Ok(memory)
}

/// Whether `memory` is a memfd sealed by [`create_sealed`] with exactly `size` bytes. To be asked
/// before mapping a descriptor that this process did not create.
///
/// # Errors
/// `EBADF` if it is no descriptor, `EINVAL` if it is no memfd, is not sealed, or has another size.
pub(crate) fn check(memory: BorrowedFd<'_>, size: u64) -> Result<()> {
    let seals = fs::fcntl_get_seals(memory)?;
    if !seals.contains(SEALS) || size_of(memory)? != size {
        return Err(Errno::INVAL);
    }
    Ok(())
}

/// `int memfd_create(const char *name, unsigned int flags)` - makes an anonymous file that can be
/// sealed and is closed on exec. Man page: memfd_create(2).
fn create(name: &CStr) -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        // The kernel is older than 6.3 and does not know how to rule out execution.
        Err(Errno::INVAL) => fs::memfd_create(name, flags),
        result => result,
    }
}

/// `int getrlimit(RLIMIT_FSIZE, struct rlimit *limit)` - how large a file may be, in memory too; `None`
/// for any size. Man page: getrlimit(2).
fn file_size_max() -> Option<u64> {
    rustix::process::getrlimit(Resource::Fsize).current
}

/// `int ftruncate(int fd, off_t length)` - sets the size. Man page: ftruncate(2).
fn truncate(memory: BorrowedFd<'_>, size: u64) -> Result<()> {
    retry_on_intr(|| fs::ftruncate(memory, size))
}

/// `int fcntl(int fd, F_ADD_SEALS, int seals)` - makes the size final. Man page: fcntl(2).
fn seal(memory: BorrowedFd<'_>) -> Result<()> {
    fs::fcntl_add_seals(memory, SEALS)
}

/// `int fstat(int fd, struct stat *statbuf)` - reads the size. Man page: stat(2).
fn size_of(memory: BorrowedFd<'_>) -> Result<u64> {
    // The field is signed in the C prototype and never negative for a regular file.
    Ok(fs::fstat(memory)?.st_size as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 5 << 40;

    #[test]
    fn smoke() {
        let memory = create_sealed(c"memfd-smoke", SIZE).unwrap();
        check(memory.as_fd(), SIZE).unwrap();
        assert_eq!(fs::fstat(&memory).unwrap().st_blocks, 0, "a sparse file uses no memory");
    }

    #[test]
    fn the_size_is_final() {
        let memory = create_sealed(c"memfd-final", 1 << 20).unwrap();
        assert_eq!(truncate(memory.as_fd(), 1 << 19), Err(Errno::PERM));
        assert_eq!(truncate(memory.as_fd(), 1 << 21), Err(Errno::PERM));
        assert_eq!(fs::fcntl_add_seals(&memory, SealFlags::WRITE), Err(Errno::PERM));
    }

    #[test]
    fn a_stranger_is_refused() {
        let unsealed = create(c"memfd-unsealed").unwrap();
        truncate(unsealed.as_fd(), SIZE).unwrap();
        assert_eq!(check(unsealed.as_fd(), SIZE), Err(Errno::INVAL));

        let other_size = create_sealed(c"memfd-other", SIZE / 2).unwrap();
        assert_eq!(check(other_size.as_fd(), SIZE), Err(Errno::INVAL));

        let no_memory = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(check(no_memory.as_fd(), SIZE), Err(Errno::INVAL));
    }
}
