//! Which files are to be counted: the walk below the directory that was asked for.
//!
//! It looks at names and kinds only and opens nothing but directories. Symbolic links below the
//! start are not followed, so that no loop is entered and nothing is counted twice through them;
//! what is neither a file nor a directory is left alone, for opening a FIFO would wait for ever.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What there is to count.
#[derive(Debug)]
pub(crate) struct Input {
    /// In an order that depends on the names alone.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) skipped: Vec<Skip>,
}

/// Something below the directory that is not counted, and why.
#[derive(Debug)]
pub(crate) struct Skip {
    pub(crate) path: PathBuf,
    pub(crate) reason: Reason,
}

#[derive(Debug)]
pub(crate) enum Reason {
    Binary,
    NotUtf8,
    Unreadable(io::Error),
    Link,
    NotAFile,
}

/// Why there is nothing to count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("{}: {source}", path.display())]
    Unreachable { path: PathBuf, source: io::Error },
    #[error("{}: neither a directory nor a regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error("{}: no file is in there", path.display())]
    Empty { path: PathBuf },
}

/// Finds the files below each of `roots`, directories or single files.
///
/// # Errors
/// If a root is not there or is something else, or if no file is in any of them.
pub(crate) fn find(roots: &[PathBuf]) -> Result<Input, InputError> {
    let mut input = Input { files: Vec::new(), skipped: Vec::new() };
    for root in roots {
        let unreachable = |source| InputError::Unreachable { path: root.clone(), source };
        // The start itself may be a link: it was named on purpose.
        let kind = fs::metadata(root).map_err(unreachable)?.file_type();
        if kind.is_file() {
            input.files.push(fs::canonicalize(root).map_err(unreachable)?);
        } else if kind.is_dir() {
            fs::read_dir(root).map_err(unreachable)?;
            walk(root, &mut input);
        } else {
            return Err(InputError::NotAFile { path: root.clone() });
        }
    }
    match roots.first() {
        Some(root) if input.files.is_empty() => Err(InputError::Empty { path: root.clone() }),
        _ => Ok(input),
    }
}

fn walk(root: &Path, input: &mut Input) {
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                input.skip(folder, Reason::Unreadable(error));
                continue;
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() => input.files.push(path),
                Ok(kind) if kind.is_symlink() => input.skip(path, Reason::Link),
                Ok(_) => input.skip(path, Reason::NotAFile),
                Err(error) => input.skip(path, Reason::Unreadable(error)),
            }
        }
    }
}

impl Input {
    fn skip(&mut self, path: PathBuf, reason: Reason) {
        self.skipped.push(Skip { path, reason });
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.reason {
            Reason::Binary => write!(f, "binary"),
            Reason::NotUtf8 => write!(f, "not UTF-8"),
            Reason::Unreadable(error) => write!(f, "unreadable: {error}"),
            Reason::Link => write!(f, "a symbolic link, not followed"),
            Reason::NotAFile => write!(f, "not a file, not opened"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn names(input: &Input, root: &Path) -> Vec<String> {
        let inside = |path: &PathBuf| path.strip_prefix(root).unwrap().display().to_string();
        input.files.iter().map(inside).collect()
    }

    #[test]
    fn smoke() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        for name in ["z", "a/y", "a/b/x", "k"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        let input = find(&[dir.path().into()]).unwrap();
        assert_eq!(names(&input, dir.path()), ["k", "z", "a/y", "a/b/x"]);
        assert!(input.skipped.is_empty());
    }

    #[test]
    fn links_and_special_files_are_named_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "x").unwrap();
        symlink(dir.path(), at("loop")).unwrap();
        symlink("self", at("self")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let input = find(&[dir.path().into()]).unwrap();
        assert_eq!(names(&input, dir.path()), ["file"]);
        let told: Vec<String> = input.skipped.iter().map(Skip::to_string).collect();
        let told = told.join("\n");
        assert_eq!(input.skipped.len(), 5, "{told}");
        assert_eq!(told.matches("symbolic link").count(), 3, "{told}");
        assert_eq!(told.matches("socket: not a file").count(), 1, "{told}");
        assert_eq!(told.matches("fifo: not a file").count(), 1, "{told}");
    }

    #[test]
    fn the_start_may_be_a_file_or_a_link_to_one() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().canonicalize().unwrap();
        let (file, link) = (place.join("file"), place.join("link"));
        fs::write(&file, "x").unwrap();
        symlink(&file, &link).unwrap();
        assert_eq!(find(&[file.clone(), link]).unwrap().files, [file.clone(), file]);
    }

    #[test]
    fn nothing_to_count_is_an_error_that_names_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("empty")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for (name, reason) in
            [("empty", "no file"), ("absent", "No such file"), ("loop", "symbolic links"), ("socket", "neither")]
        {
            let error = find(&[at(name)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(reason), "{error}");
        }
    }
}
