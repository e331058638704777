//! [`SharedMemory`]: bytes that processes share, by handle or by a name in the node.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64};

use bytemuck::Pod;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bytes::{Bytes, Gone};
use super::view::View;
use crate::node::{self, NameRefused};
use crate::shm::handle::Handle;
use crate::shm::window::Kind;
use crate::sync::CreateError;

/// Bytes that all read and write at any time; see the [module](super) for what is read meanwhile.
///
/// One that has a name is found by it from all processes of the node, and by nobody else. It lives as long as
/// somebody has a handle or one may be on its way in a message; the name goes with it.
///
/// ```
/// use actor_core::process::Process;
/// use actor_core::shared::SharedMemory;
///
/// # fn main() -> actor_core::Result<()> {
/// let memory = SharedMemory::create_named("picture", 1 << 20)?;
/// memory.write(0, b"pixels")?;
/// let other = Process::spawn(|()| {
///     let memory = SharedMemory::open("picture").unwrap();
///     let numbers = memory.view::<u32>(1024, 3).unwrap();
///     (0..3).for_each(|i| numbers.set(i, i as u32 + 1));
/// }, ())?;
/// other.join()?;
/// let mut bytes = [0; 6];
/// memory.read(0, &mut bytes)?;
/// assert_eq!(&bytes, b"pixels");
/// assert_eq!(memory.view::<u32>(1024, 3)?.read(0..3), [1, 2, 3]);
/// # Ok(())
/// # }
/// ```
#[doc(alias("shared_memory", "ShareableList", "SharedMemoryManager"))]
#[derive(Clone)]
pub struct SharedMemory {
    bytes: Bytes,
}

/// Why memory with a name could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Without a name it could not be made either.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Some other memory has this name.
    #[error("there is shared memory of the name `{0}` already")]
    Taken(String),
    /// The name is empty or longer than 255 bytes.
    #[error("a name has 1 to 255 bytes, this one has {}", .0.len())]
    BadName(String),
    /// 16 384 names are in use.
    #[error("the node has no room for another name")]
    TooMany,
    /// The node does not answer.
    #[error("the node does not answer: {0}")]
    Node(String),
}

/// Why memory was not found by its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is none, or not any more.
    #[error("there is no shared memory of the name `{0}`")]
    NotFound(String),
    /// The node does not answer.
    #[error("the node does not answer: {0}")]
    Node(String),
}

impl SharedMemory {
    /// So many bytes, all zero.
    ///
    /// # Errors
    /// See [`CreateError`].
    #[doc(alias = "RawArray")]
    pub fn create(bytes: usize) -> Result<SharedMemory, CreateError> {
        Ok(SharedMemory { bytes: Bytes::make(Kind::Memory, 0, bytes)? })
    }

    /// So many bytes, all zero, that others can [`open`](SharedMemory::open) by this name.
    ///
    /// # Errors
    /// See [`NameError`]: the name is taken, or what [`create`](SharedMemory::create) says.
    pub fn create_named(name: &str, bytes: usize) -> Result<SharedMemory, NameError> {
        let memory = SharedMemory::create(bytes)?;
        match node::name_memory(name, memory.bytes.handle().id()) {
            Ok(()) => Ok(memory),
            Err(NameRefused::Taken) => Err(NameError::Taken(name.to_owned())),
            Err(NameRefused::Bad) => Err(NameError::BadName(name.to_owned())),
            Err(NameRefused::TooMany) => Err(NameError::TooMany),
            Err(NameRefused::NoAnswer(error)) => Err(NameError::Node(error)),
        }
    }

    /// The memory of this name.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(name: &str) -> Result<SharedMemory, OpenError> {
        let found = node::find_memory(name).map_err(OpenError::Node)?;
        let handle = found.map(|id| Handle::from_id(id, Kind::Memory));
        // Its last handle may have been dropped since the node was asked.
        match handle.filter(|handle| handle.window().is_some()) {
            Some(handle) => Ok(SharedMemory { bytes: Bytes::of_handle(handle, 0) }),
            None => Err(OpenError::NotFound(name.to_owned())),
        }
    }

    /// How many bytes there are; 0 if they are gone.
    #[doc(alias = "size")]
    pub fn len(&self) -> usize {
        self.bytes.length()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies bytes out, one by one.
    ///
    /// # Errors
    /// [`Gone`].
    ///
    /// # Panics
    /// There are not so many, as with any slice.
    #[doc(alias = "buf")]
    pub fn read(&self, at: usize, to: &mut [u8]) -> Result<(), Gone> {
        self.bytes.load_bytes(at, to)
    }

    /// Copies bytes in, one by one.
    ///
    /// # Errors
    /// [`Gone`].
    ///
    /// # Panics
    /// As for [`read`](SharedMemory::read).
    #[doc(alias = "buf")]
    pub fn write(&self, at: usize, from: &[u8]) -> Result<(), Gone> {
        self.bytes.store_bytes(at, from)
    }

    /// A part of it as so many elements of a type.
    ///
    /// # Errors
    /// [`Gone`].
    ///
    /// # Panics
    /// They are not all in there, or `at` is no multiple of their alignment.
    pub fn view<T: Pod>(&self, at: usize, len: usize) -> Result<View<'_, T>, Gone> {
        assert!(at.is_multiple_of(align_of::<T>()), "{at} is not aligned to {}", align_of::<T>());
        self.bytes.inside(at, len, size_of::<T>())?;
        Ok(View::new(&self.bytes, at, len))
    }

    /// Four bytes of it as an atomic.
    ///
    /// # Errors
    /// [`Gone`].
    ///
    /// # Panics
    /// As for [`view`](SharedMemory::view).
    pub fn atomic_u32(&self, at: usize) -> Result<&AtomicU32, Gone> {
        Ok(&self.bytes.atomics(at, 1)?[0])
    }

    /// Eight bytes of it as an atomic.
    ///
    /// # Errors
    /// [`Gone`].
    ///
    /// # Panics
    /// As for [`view`](SharedMemory::view).
    pub fn atomic_u64(&self, at: usize) -> Result<&AtomicU64, Gone> {
        Ok(&self.bytes.atomics(at, 1)?[0])
    }

    /// Says that no handle is on its way to a process any more: the memory is freed with its last handle.
    #[doc(alias = "unlink")]
    pub fn close(&self) {
        self.bytes.close();
    }
}

/// Two handles are equal when they are on the same memory.
impl PartialEq for SharedMemory {
    fn eq(&self, other: &SharedMemory) -> bool {
        self.bytes.handle().id() == other.bytes.handle().id()
    }
}

impl Eq for SharedMemory {}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.bytes.handle().id();
        write!(f, "SharedMemory({}.{}, {} bytes)", id.index, id.generation, self.len())
    }
}

impl Serialize for SharedMemory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.bytes.handle().send(serializer)
    }
}

impl<'de> Deserialize<'de> for SharedMemory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SharedMemory, D::Error> {
        Ok(SharedMemory { bytes: Bytes::of_handle(Handle::receive(deserializer, Kind::Memory)?, 0) })
    }
}
