//! Memory that processes share: values, arrays and bytes, with a lock or without.
//!
//! | | what it is | how it is read and written |
//! |---|---|---|
//! | [`Shared<T>`] | one value | under its lock; a death leaves all of a change or nothing |
//! | [`SharedArray<T>`] | many | under its lock, in place; a death leaves what was written until then |
//! | [`SharedCell<T>`] | one value | at any time, or as an atomic |
//! | [`SharedSlice<T>`] | many | at any time, or as atomics |
//! | [`SharedMemory`] | bytes, by a name if they have one | at any time, as what one likes |
//!
//! `T` is plain data ([`Pod`]): numbers, arrays of them, and structs for which a program derives that trait.
//! Nobody ever has a reference to what others write, other than to atomics. Without a lock, what is at most
//! 8 bytes long and as long as its alignment is read and written at once, and anything larger in such steps:
//! who reads while somebody writes gets some of both.
//!
//! # Handles
//! All of these are handles and plain data, as [locks](crate::sync#handles) are, with the same rule for when
//! they are freed. Whatever dies leaves nothing behind: the memory belongs to the node.

mod array;
mod bytes;
mod cell;
mod guard;
mod memory;
mod slice;
mod value;
mod view;

pub use array::SharedArray;
pub use bytemuck::{Pod, Zeroable};
pub use bytes::Gone;
pub use cell::SharedCell;
pub use guard::{ArrayGuard, ArrayLockError};
pub use memory::{NameError, OpenError, SharedMemory};
pub use slice::SharedSlice;
pub use value::Shared;
pub use view::{Atomic, View};

pub use crate::sync::CreateError;
