//! The environment of the process, changed while nobody else can be reading it.

#![allow(unsafe_code)]

use std::env;
use std::ffi::{OsStr, OsString};

use super::process;

/// A change of one variable: its new value, or `None` to remove it.
pub(crate) type Change = (OsString, Option<OsString>);

/// Sets and removes variables of this process. Says whether it did.
///
/// Refuses, and changes nothing, when the process has a second thread: C code may read the
/// environment at any time and takes no lock. Names that a variable cannot have are passed over.
#[must_use]
pub(crate) fn apply(changes: &[Change]) -> bool {
    if changes.is_empty() {
        return true;
    }
    if process::thread_count() != Ok(1) {
        return false;
    }
    for (name, value) in changes.iter().filter(|(name, _)| is_name(name)) {
        match value {
            // SAFETY: This is the only thread, counted above, and it reads nothing meanwhile.
            Some(value) if !contains(value, 0) => unsafe { env::set_var(name, value) },
            Some(_) => {}
            // SAFETY: As above.
            None => unsafe { env::remove_var(name) },
        }
    }
    true
}

/// Takes a variable out of the environment and gives its value.
///
/// # Safety
/// No other thread may run: true before `main`, in a constructor of the executable.
pub(crate) unsafe fn take(name: &str) -> Option<OsString> {
    let value = env::var_os(name)?;
    // SAFETY: The caller's promise is this call's condition.
    unsafe { env::remove_var(name) };
    Some(value)
}

fn is_name(name: &OsStr) -> bool {
    !name.is_empty() && !contains(name, b'=') && !contains(name, 0)
}

fn contains(text: &OsStr, byte: u8) -> bool {
    text.as_encoded_bytes().contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        assert!(apply(&[]), "nothing to do is done");
    }

    #[test]
    fn a_second_thread_is_a_refusal() {
        let change = ("ACTOR_CORE_ENVIRONMENT_TEST".into(), Some("1".into()));
        std::thread::scope(|scope| {
            let refused = scope.spawn(|| apply(std::slice::from_ref(&change)));
            assert!(!refused.join().unwrap());
        });
        assert_eq!(env::var_os("ACTOR_CORE_ENVIRONMENT_TEST"), None);
    }

    #[test]
    fn names_that_cannot_be_are_recognised() {
        assert!(is_name(OsStr::new("PATH")));
        assert!(!is_name(OsStr::new("")));
        assert!(!is_name(OsStr::new("A=B")));
        assert!(!is_name(OsStr::new("A\0")));
    }
}
