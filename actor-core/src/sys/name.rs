//! The name of a process in `top` and `ps`.
//!
//! There are two: a word of fifteen bytes that the kernel keeps for each thread, and the command
//! line, which is whatever lies in the memory where the arguments were at start. The second can
//! only be as long as those were, so our processes are started with arguments that leave room.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs;
use std::ptr;

use rustix::io::Result;

/// How much room a start leaves for a title: a name, an id, and some.
pub(crate) const TITLE_BYTES: usize = 128;

/// `int prctl(PR_SET_NAME, const char *name)` - names this thread, cut to 15 bytes.
/// Man page: PR_SET_NAME(2const).
pub(crate) fn set_thread_name(name: &str) -> Result<()> {
    let bytes: Vec<u8> = name.bytes().filter(|byte| *byte != 0).collect();
    let name = CString::new(bytes).expect("the zeroes were filtered out");
    rustix::thread::set_name(&name)
}

/// The memory that shows as the command line of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Title {
    start: usize,
    length: usize,
}

impl Title {
    /// Finds it in `/proc/self/stat`, `None` where the kernel does not tell.
    ///
    /// # Safety
    /// The memory is written by [`set`](Title::set), so nothing may hold references to this
    /// process's arguments: true in a process of ours, where no code of the user has run as
    /// `main` and std reads them anew each time.
    pub(crate) unsafe fn find() -> Option<Title> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is a name in parentheses that may contain anything.
        let fields = stat.get(stat.rfind(')')? + 2..)?;
        let mut fields = fields.split_ascii_whitespace().skip(FIRST_ARGUMENT_FIELD - 3);
        let start: usize = fields.next()?.parse().ok()?;
        let end: usize = fields.next()?.parse().ok()?;
        let length = end.checked_sub(start).filter(|length| start != 0 && *length > 1)?;
        Some(Title { start, length })
    }

    /// Shows `text`, cut to the room there is. What std calls the arguments becomes this text.
    pub(crate) fn set(self, text: &str) {
        let shown = text.len().min(self.length - 1);
        let start = ptr::with_exposed_provenance_mut::<u8>(self.start);
        // SAFETY: The kernel told the range, which is writable and mapped while the process lives;
        // that nobody reads it meanwhile is the promise made to `find`. The last byte stays zero.
        unsafe {
            ptr::write_bytes(start, 0, self.length);
            ptr::copy_nonoverlapping(text.as_ptr(), start, shown);
        }
    }
}

/// `arg_start` in proc_pid_stat(5), counted from 1; `arg_end` follows.
const FIRST_ARGUMENT_FIELD: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn smoke() {
        std::thread::spawn(|| {
            set_thread_name("counter\0 with a long name").unwrap();
            let comm = fs::read_to_string("/proc/thread-self/comm").unwrap();
            assert_eq!(comm, "counter with a \n");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_title_is_the_command_line() {
        // SAFETY: The title is set in a copy of this process, which holds no arguments.
        let title = unsafe { Title::find().unwrap() };
        let (reader, writer) = crate::sys::pipe::create().unwrap();
        // SAFETY: The copy makes system calls and writes to its own memory.
        let child = unsafe { libc::fork() };
        if child == 0 {
            title.set("renamed");
            crate::sys::pipe::write(writer.as_fd(), b"x").ok();
            loop {
                rustix::event::pause();
            }
        }
        let mut byte = [0];
        crate::sys::pipe::read(reader.as_fd(), &mut byte).unwrap();
        let line = fs::read(format!("/proc/{child}/cmdline")).unwrap();
        // SAFETY: The child is ours and not yet reaped.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, ptr::null_mut(), 0);
        }
        assert!(line.starts_with(b"renamed\0"), "{line:?}");
        assert!(line[7..].iter().all(|byte| *byte == 0));
    }
}
