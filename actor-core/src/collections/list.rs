//! [`List`]: values in a row, in a process of their own.
//!
//! It is no queue: nobody waits for what is not there. It keeps what it is sent and knows nothing about it.

use actor_macros::{Actor, handlers};
use serde::{Deserialize, Serialize};

use crate::actor::Message;

/// An actor that is a list, which any processes share; see [`collections`](super).
///
/// What it can be asked are the methods of [`ListCalls`]. What hands out work is a
/// [`Queue`](crate::queue::Queue), which a receiver can wait at.
///
/// ```
/// use actor_core::collections::List;
/// use actor_core::prelude::*;
///
/// fn main() -> actor_core::Result<()> {
///     let list = List::from_iter([3, 1]).spawn()?;
///     list.push(2).wait()?;
///     list.sort().wait()?;
///     assert_eq!(list.items().wait()?, [1, 2, 3]);
///     assert_eq!(list.index(2).wait()?, Some(1));
///     let error = list.set(3, 4).wait().unwrap_err();
///     assert_eq!(error.to_string(), "there is no item 3 in a list of 3");
///     Ok(())
/// }
/// ```
#[doc(alias = "Manager")]
#[doc(alias = "SyncManager")]
#[doc(alias = "ListProxy")]
#[doc(alias = "list")]
#[derive(Actor, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[actor(name = "list")]
pub struct List<T> {
    items: Vec<T>,
}

/// There is no such place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("there is no item {index} in a list of {len}")]
pub struct OutOfRange {
    /// What was asked for.
    pub index: usize,
    /// How many there are.
    pub len: usize,
}

/// There is an item that has no order, such as a number that is none; the list is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("item {index} has no place in any order")]
pub struct Unordered {
    /// Which one.
    pub index: usize,
}

impl<T> List<T> {
    /// An empty one, to be spawned.
    pub fn new() -> List<T> {
        List { items: Vec::new() }
    }

    fn no_item(&self, index: usize) -> OutOfRange {
        OutOfRange { index, len: self.items.len() }
    }
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List::new()
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> List<T> {
        List { items: items.into_iter().collect() }
    }
}

#[handlers]
impl<T> List<T>
where
    T: Message + Clone + PartialOrd,
{
    /// Adds `item` at the end.
    #[doc(alias = "append")]
    #[call]
    fn push(&mut self, item: T) {
        self.items.push(item);
    }

    /// Adds all of these at the end, in one go.
    #[call]
    fn extend(&mut self, items: Vec<T>) {
        self.items.extend(items);
    }

    /// Takes out the last item.
    #[call]
    fn pop(&mut self) -> Option<T> {
        self.items.pop()
    }

    /// A copy of the item at `index`.
    #[doc(alias = "__getitem__")]
    #[call]
    fn get(&self, index: usize) -> Option<T> {
        self.items.get(index).cloned()
    }

    /// Puts `item` in the place of the one at `index`, which it returns.
    ///
    /// # Errors
    /// There is none.
    #[doc(alias = "__setitem__")]
    #[call]
    fn set(&mut self, index: usize, item: T) -> Result<T, OutOfRange> {
        let error = self.no_item(index);
        self.items.get_mut(index).map(|old| std::mem::replace(old, item)).ok_or(error)
    }

    /// Puts `item` before the one at `index`, or at the end if that is the length of the list.
    ///
    /// # Errors
    /// There is no such place.
    #[call]
    fn insert(&mut self, index: usize, item: T) -> Result<(), OutOfRange> {
        if self.items.len() < index {
            return Err(self.no_item(index));
        }
        self.items.insert(index, item);
        Ok(())
    }

    /// Takes out the item at `index`.
    #[doc(alias = "__delitem__")]
    #[call]
    fn remove(&mut self, index: usize) -> Option<T> {
        (index < self.items.len()).then(|| self.items.remove(index))
    }

    /// The place of the first item that is equal to `item`.
    #[doc(alias = "__contains__")]
    #[call]
    fn index(&self, item: T) -> Option<usize> {
        self.items.iter().position(|other| *other == item)
    }

    /// The number of items.
    #[doc(alias = "__len__")]
    #[call]
    fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no item.
    #[call]
    fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// A copy of the whole list.
    #[doc(alias = "copy")]
    #[call]
    fn items(&self) -> Vec<T> {
        self.items.clone()
    }

    /// Sorts the list, the smallest first; equals stay in their order.
    ///
    /// # Errors
    /// An item has no order.
    #[call]
    fn sort(&mut self) -> Result<(), Unordered> {
        // What is not comparable with itself, as `NaN` is not, would make the order of all others a matter of chance.
        if let Some(index) = self.items.iter().position(|item| item.partial_cmp(item).is_none()) {
            return Err(Unordered { index });
        }
        self.items.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        Ok(())
    }

    /// Turns the list round.
    #[call]
    fn reverse(&mut self) {
        self.items.reverse();
    }

    /// Takes out everything.
    #[call]
    fn clear(&mut self) {
        self.items.clear();
    }
}
