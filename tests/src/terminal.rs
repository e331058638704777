//! [`Terminal`]: a terminal of our own, to be closed over a program.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A terminal that is there for as long as this is: the kernel hangs up whose terminal it was.
#[derive(Debug)]
pub struct Terminal {
    /// What is written to the terminal can be read here.
    pub screen: File,
    path: PathBuf,
}

impl Terminal {
    /// A new one, which is nobody's yet.
    ///
    /// # Panics
    /// There are no terminals.
    pub fn open() -> Terminal {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
        let screen = screen.expect("there are terminals");
        grantpt(&screen).and_then(|()| unlockpt(&screen)).expect("a terminal of our own can be opened");
        let name = ptsname(&screen, Vec::new()).expect("a terminal has a name");
        let path = PathBuf::from(name.to_str().expect("a name of ASCII"));
        Terminal { screen: screen.into(), path }
    }

    /// The name by which programs open it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The end that a program gets, without becoming the terminal of whoever asks.
    ///
    /// # Panics
    /// It cannot be opened.
    pub fn line(&self) -> File {
        let no_terminal = libc::O_NOCTTY | libc::O_CLOEXEC;
        let opened = File::options().read(true).write(true).custom_flags(no_terminal).open(&self.path);
        opened.expect("the terminal can be opened")
    }
}
