//! [`Fault`]: something that must not be, of one of five kinds, and where to look for it.
//!
//! A fault that a child process finds travels as the text of its panic: who reads a report of its death
//! gets it back with [`Fault::in_text`]. The kind must not be guessed from anything else.

use std::fmt;

/// What is wrong with a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was accepted was not handed out, or is nowhere to be found.
    Lost,
    /// Handed out more often than deaths and policies explain, or with a wrong count.
    Doubled,
    /// Not the bytes that were sent, or not in the order in which they were.
    Torn,
    /// Somebody who lives does not go on, or does what he should not.
    Wedged,
    /// A process, a descriptor, memory, a file, or room for messages is not given back.
    Orphan,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] = [Kind::Lost, Kind::Doubled, Kind::Torn, Kind::Wedged, Kind::Orphan];

    /// The word for it in texts.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Lost => "lost",
            Kind::Doubled => "doubled",
            Kind::Torn => "torn",
            Kind::Wedged => "wedged",
            Kind::Orphan => "orphan",
        }
    }

    /// A fault of this kind.
    pub fn fault(self, text: impl fmt::Display) -> Fault {
        Fault { kind: self, text: text.to_string(), only: None }
    }

    /// Gives a fault of this kind if something is not so.
    ///
    /// # Errors
    /// It is not so.
    pub fn unless(self, is_so: bool, text: impl FnOnce() -> String) -> Result<(), Fault> {
        if is_so { Ok(()) } else { Err(self.fault(text())) }
    }
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: Kind,
    /// With what, and what is known about it.
    pub text: String,
    /// The part of the mode that shows it again, if that is less than all of it.
    pub only: Option<String>,
}

impl Fault {
    /// The same fault, and the part of its mode that shows it again.
    #[must_use]
    pub fn only(self, only: impl fmt::Display) -> Fault {
        Fault { only: Some(only.to_string()), ..self }
    }

    /// The fault that somebody has written as part of a text, such as the last words of a process.
    pub fn in_text(text: &str) -> Option<Fault> {
        let find = |kind: Kind| {
            let mark = format!("[{}] ", kind.word());
            let at = text.find(&mark)?;
            Some((at, kind.fault(text[at + mark.len()..].trim_end())))
        };
        Kind::ALL.into_iter().filter_map(find).min_by_key(|(at, _)| *at).map(|(_, fault)| fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.kind.word(), self.text)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        for kind in Kind::ALL {
            let fault = kind.fault("7 of 3");
            let last_words = format!("process 12 panicked at here.rs:1: {fault}\n");
            assert_eq!(Fault::in_text(&last_words), Some(fault));
        }
        assert_eq!(Fault::in_text("process 12 panicked: index out of bounds"), None);
        assert_eq!(Kind::Lost.unless(true, String::new), Ok(()));
        assert!(Kind::Lost.unless(false, String::new).is_err());
    }
}
