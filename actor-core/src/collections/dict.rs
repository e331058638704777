//! [`Dict`]: keys and values in a process of their own.
//!
//! It keeps what it is sent and knows nothing about it. What to do when it dies is its supervisor's business, and
//! what has to happen in one go is for an actor that knows what it is about.

use std::collections::BTreeMap;

use actor_macros::{Actor, handlers};
use serde::{Deserialize, Serialize};

use crate::actor::Message;

/// An actor that is a map, which any processes share; see [`collections`](super).
///
/// What it can be asked are the methods of [`DictCalls`]. Keys have an order, in which everything is listed.
///
/// ```
/// use actor_core::collections::Dict;
/// use actor_core::prelude::*;
///
/// fn main() -> actor_core::Result<()> {
///     let ages = Dict::from_iter([("ada".to_owned(), 36)]).spawn()?;
///     assert_eq!(ages.insert("alan".into(), 41).wait()?, None);
///     assert_eq!(ages.insert("ada".into(), 37).wait()?, Some(36), "as it was before");
///     assert_eq!(ages.get("grace".into()).wait()?, None);
///     assert_eq!(ages.items().wait()?, [("ada".into(), 37), ("alan".into(), 41)]);
///     Ok(())
/// }
/// ```
#[doc(alias = "Manager")]
#[doc(alias = "SyncManager")]
#[doc(alias = "DictProxy")]
#[doc(alias = "dict")]
#[derive(Actor, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[actor(name = "dict")]
pub struct Dict<K: Ord, V> {
    entries: BTreeMap<K, V>,
}

impl<K: Ord, V> Dict<K, V> {
    /// An empty one, to be spawned.
    pub fn new() -> Dict<K, V> {
        Dict { entries: BTreeMap::new() }
    }
}

impl<K: Ord, V> Default for Dict<K, V> {
    fn default() -> Dict<K, V> {
        Dict::new()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Dict<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Dict<K, V> {
        Dict { entries: entries.into_iter().collect() }
    }
}

#[handlers]
impl<K, V> Dict<K, V>
where
    K: Message + Ord + Clone,
    V: Message + Clone,
{
    /// Puts `value` under `key`, and returns what was there before.
    #[doc(alias = "__setitem__")]
    #[call]
    fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.entries.insert(key, value)
    }

    /// A copy of what is under `key`.
    #[doc(alias = "__getitem__")]
    #[call]
    fn get(&self, key: K) -> Option<V> {
        self.entries.get(&key).cloned()
    }

    /// A copy of what is under `key`, which is `value` if nothing was there.
    #[doc(alias = "setdefault")]
    #[call]
    fn get_or_insert(&mut self, key: K, value: V) -> V {
        self.entries.entry(key).or_insert(value).clone()
    }

    /// Takes out what is under `key`.
    #[doc(alias = "pop")]
    #[doc(alias = "__delitem__")]
    #[call]
    fn remove(&mut self, key: K) -> Option<V> {
        self.entries.remove(&key)
    }

    /// Takes out the first entry in the order of keys. Of several processes that do so each gets another one.
    #[doc(alias = "popitem")]
    #[call]
    fn pop_first(&mut self) -> Option<(K, V)> {
        self.entries.pop_first()
    }

    /// Whether something is under `key`.
    #[doc(alias = "__contains__")]
    #[doc(alias = "has_key")]
    #[call]
    fn contains(&self, key: K) -> bool {
        self.entries.contains_key(&key)
    }

    /// The number of entries.
    #[doc(alias = "__len__")]
    #[call]
    fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    #[call]
    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All keys, in order.
    #[call]
    fn keys(&self) -> Vec<K> {
        self.entries.keys().cloned().collect()
    }

    /// Copies of all values, in the order of their keys.
    #[call]
    fn values(&self) -> Vec<V> {
        self.entries.values().cloned().collect()
    }

    /// Copies of all entries, in the order of keys.
    #[doc(alias = "copy")]
    #[call]
    fn items(&self) -> Vec<(K, V)> {
        self.entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Inserts all of these, in one go: of two under the same key the later one stays.
    #[call]
    fn update(&mut self, entries: Vec<(K, V)>) {
        self.entries.extend(entries);
    }

    /// Takes out everything.
    #[call]
    fn clear(&mut self) {
        self.entries.clear();
    }
}
