//! What the variable says that decides a process's role, and what a zygote says when it is up.
//!
//! Both are one line of text, written by one build and read by the same. They are checked all the
//! same: anybody can set a variable.

use std::path::PathBuf;

use crate::id::{PARTICIPANTS_MAX, Participant};

/// Names the variable. It is taken out of the environment as soon as it has been read, or the
/// programs that a process starts would take the role for theirs.
pub(super) const VARIABLE: &str = "ACTOR_CORE_ROLE";

/// What a started program is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Makes processes; listens in a directory of this path. Where the node has a control group, it is
    /// passed one descriptor more.
    Zygote { directory: PathBuf, has_cgroup: bool },
    /// Is the process of this participant.
    Actor { participant: Participant },
}

impl Role {
    pub(super) fn to_text(&self) -> String {
        match self {
            Role::Zygote { directory, has_cgroup: false } => format!("zygote:{}", directory.display()),
            Role::Zygote { directory, has_cgroup: true } => format!("zygote:cgroup:{}", directory.display()),
            Role::Actor { participant } => format!("actor:{}", participant.0),
        }
    }

    pub(super) fn from_text(text: &str) -> Option<Role> {
        match text.split_once(':')? {
            ("zygote", rest) => {
                let (directory, has_cgroup) = match rest.strip_prefix("cgroup:") {
                    Some(directory) => (directory, true),
                    None => (rest, false),
                };
                directory.starts_with('/').then(|| Role::Zygote { directory: directory.into(), has_cgroup })
            }
            ("actor", number) => {
                let participant = Participant(number.parse().ok()?);
                let is_process = participant.index() < PARTICIPANTS_MAX && participant.0 > Participant::NODE.0;
                is_process.then_some(Role::Actor { participant })
            }
            _ => None,
        }
    }
}

/// The first and only words of a zygote on its socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Announcement {
    /// It listens under this name.
    Listening(String),
    /// It cannot work, for this reason.
    Failed(String),
}

impl Announcement {
    /// Short enough to be written in one piece.
    const BYTES_MAX: usize = 1024;

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (mark, text) = match self {
            Announcement::Listening(name) => (b'=', name),
            Announcement::Failed(reason) => (b'!', reason),
        };
        let text = text.bytes().take(Announcement::BYTES_MAX - 1);
        std::iter::once(mark).chain(text).collect()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Announcement> {
        let (mark, text) = bytes.split_first()?;
        let text = String::from_utf8_lossy(text).into_owned();
        match mark {
            b'=' => Some(Announcement::Listening(text)),
            b'!' => Some(Announcement::Failed(text)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let zygote = |has_cgroup| Role::Zygote { directory: "/tmp/a:b".into(), has_cgroup };
        let roles = [zygote(false), zygote(true), Role::Actor { participant: Participant(2) }];
        for role in roles {
            assert_eq!(Role::from_text(&role.to_text()), Some(role));
        }
    }

    #[test]
    fn anything_else_is_no_role() {
        for text in [
            "",
            "zygote",
            "zygote:",
            "zygote:tmp",
            "zygote:cgroup:",
            "actor:",
            "actor:-1",
            "actor:16384",
            "actor:99999",
        ] {
            assert_eq!(Role::from_text(text), None, "{text}");
        }
        assert_eq!(Role::from_text("actor:0"), None, "nobody");
        assert_eq!(Role::from_text("actor:1"), None, "the node");
    }

    #[test]
    fn announcements_are_read_as_they_were_written() {
        for said in [Announcement::Listening("/tmp/x/socket".into()), Announcement::Failed("no /proc".into())] {
            assert_eq!(Announcement::from_bytes(&said.to_bytes()), Some(said));
        }
        assert_eq!(Announcement::from_bytes(b""), None);
        assert_eq!(Announcement::from_bytes(b"?x"), None);
        let long = Announcement::Failed("x".repeat(10_000)).to_bytes();
        assert_eq!(long.len(), Announcement::BYTES_MAX);
    }
}
