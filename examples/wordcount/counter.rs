//! The worker: an actor that counts the words of one piece of text after the other.
//!
//! It keeps nothing from one piece to the next, so that whoever takes its place has all it needs.

use std::sync::Arc;

use actor_core::prelude::*;
use serde::{Deserialize, Serialize, Serializer};

use crate::tally::Counts;

/// Counts words, in a process of its own.
#[derive(Clone, Actor, Serialize, Deserialize)]
#[actor(name = "counter", capacity = 8, max_message = "1MiB", timeout = "60s")]
pub(crate) struct Counter;

#[handlers]
impl Counter {
    /// The counts of one piece. A worker that dies over it leaves it to its successor, which is no
    /// harm: nobody has seen a result yet. Only when that many have died over it, the caller is
    /// told.
    #[call(on_crash = "redeliver(20)")]
    fn count(&self, text: Text) -> Counts {
        Counts::of(text.as_str())
    }
}

/// The text of a piece. Whoever sends it keeps it without a copy.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Text(Arc<String>);

impl Text {
    /// The text itself, copied only if somebody else keeps it, too.
    pub(crate) fn into_string(self) -> String {
        Arc::unwrap_or_clone(self.0)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(Arc::new(text))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
