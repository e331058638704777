//! Names of shared memory: which of them stands for which window, as long as that is there.

use std::collections::BTreeMap;

use super::client::{AskError, ask};
use super::request::{Answer, Request};
use super::thread::Node;
use crate::id::WindowId;
use crate::mailbox::ReplyAddress;
use crate::shm::table;
use crate::time::Deadline;

/// Names at once at most.
const NAMES_MAX: usize = 16_384;
/// Bytes of a name at most.
const NAME_MAX: usize = 255;
/// How long to wait for an answer that the node has at hand.
const AT_HAND: std::time::Duration = std::time::Duration::from_secs(5);

/// Why something did not get its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NameRefused {
    Taken,
    Bad,
    TooMany,
    NoAnswer(String),
}

/// Gives a window of this process a name.
///
/// # Errors
/// See [`NameRefused`].
pub(crate) fn name_memory(name: &str, window: WindowId) -> Result<(), NameRefused> {
    if !is_name(name) {
        return Err(NameRefused::Bad);
    }
    match ask(&Request::NameMemory { name: name.to_owned(), window }, Deadline::after(AT_HAND)) {
        Ok(Answer::Done) => Ok(()),
        Ok(Answer::Memory { .. }) => Err(NameRefused::Taken),
        Ok(Answer::TooMany) => Err(NameRefused::TooMany),
        Ok(other) => Err(NameRefused::NoAnswer(format!("the node answered {other:?}"))),
        Err(error) => Err(NameRefused::NoAnswer(error.to_string())),
    }
}

/// The window of this name, as it is now.
///
/// # Errors
/// The node does not answer.
pub(crate) fn find_memory(name: &str) -> Result<Option<WindowId>, String> {
    let answer = ask(&Request::FindMemory { name: name.to_owned() }, Deadline::after(AT_HAND));
    match answer.map_err(|error: AskError| error.to_string())? {
        Answer::Memory { window } => Ok(Some(window)),
        Answer::NoProc => Ok(None),
        other => Err(format!("the node answered {other:?}")),
    }
}

fn is_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len())
}

/// All names.
#[derive(Default)]
pub(super) struct Names {
    windows: BTreeMap<String, WindowId>,
}

impl Names {
    /// That is gone, and its name with it.
    pub(super) fn forget(&mut self, window: WindowId) {
        self.windows.retain(|_, named| *named != window);
    }
}

impl Node {
    pub(super) fn name_memory(&mut self, name: String, window: WindowId, reply: Option<ReplyAddress>) {
        let answer = match self.find(&name) {
            Some(window) => Answer::Memory { window },
            None if NAMES_MAX <= self.names.windows.len() => Answer::TooMany,
            None if is_name(&name) && self.is_there(window) => {
                self.names.windows.insert(name, window);
                Answer::Done
            }
            None => Answer::NoProc,
        };
        self.answer(reply, &answer);
    }

    pub(super) fn find_memory(&mut self, name: &str, reply: Option<ReplyAddress>) {
        let answer = self.find(name).map_or(Answer::NoProc, |window| Answer::Memory { window });
        self.answer(reply, &answer);
    }

    fn find(&mut self, name: &str) -> Option<WindowId> {
        // Whoever has dropped the last handle before he asks finds the name free.
        self.look_after_windows();
        self.names.windows.get(name).copied()
    }

    fn is_there(&self, window: WindowId) -> bool {
        table::at(self.segment, window.index).is_some_and(|found| found.id == window)
    }
}
