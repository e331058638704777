//! [`Kind`]: what the windows of the segment are used for, and what follows from that.

/// What a window is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    Queue = 1,
    Mailbox = 2,
    Replies = 3,
    Blob = 4,
    /// What one process has logged; see [`log_ring`](super::log_ring).
    Log = 5,
    /// Memory that is shared as it is; see [`region`](super::region).
    Memory = 6,
    /// A lock and what it guards; see [`lock`](super::lock).
    Lock = 7,
    /// A lock that many may read at once; see [`rwlock`](super::rwlock).
    RwLock = 8,
    /// Permits of a semaphore; see [`permits`](super::permits).
    Permits = 9,
    /// Those who wait at a condition; see [`waiters`](super::waiters).
    Waiters = 10,
    /// An event; see [`flag`](super::flag).
    Flag = 11,
    /// A barrier; see [`barrier`](super::barrier).
    Barrier = 12,
    /// A queue with two ends that one process each has; see [`ends`](super::ends).
    Pipe = 13,
    /// A queue with an order of its own; see [`ordered`](super::ordered).
    Ordered = 14,
}

impl Kind {
    pub(super) fn of(raw: u32) -> Option<Kind> {
        match raw {
            1 => Some(Kind::Queue),
            2 => Some(Kind::Mailbox),
            3 => Some(Kind::Replies),
            4 => Some(Kind::Blob),
            5 => Some(Kind::Log),
            6 => Some(Kind::Memory),
            7 => Some(Kind::Lock),
            8 => Some(Kind::RwLock),
            9 => Some(Kind::Permits),
            10 => Some(Kind::Waiters),
            11 => Some(Kind::Flag),
            12 => Some(Kind::Barrier),
            13 => Some(Kind::Pipe),
            14 => Some(Kind::Ordered),
            _ => None,
        }
    }

    /// Whether what lies where others have slots are slots.
    pub(super) fn has_slots(self) -> bool {
        matches!(self, Kind::Queue | Kind::Mailbox | Kind::Replies | Kind::Pipe | Kind::Ordered)
    }

    /// Whether it is there for as long as somebody has a handle, see [`handle`](super::handle).
    pub(crate) fn is_held(self) -> bool {
        matches!(self, Kind::Queue | Kind::Pipe | Kind::Ordered) || self.is_region()
    }

    /// Whether it is a [`region`](super::region).
    pub(crate) fn is_region(self) -> bool {
        matches!(
            self,
            Kind::Memory | Kind::Lock | Kind::RwLock | Kind::Permits | Kind::Waiters | Kind::Flag | Kind::Barrier
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let kinds: Vec<Kind> = (0..100).filter_map(Kind::of).collect();
        assert!(kinds.iter().all(|kind| Kind::of(*kind as u32) == Some(*kind)));
        assert!(kinds.iter().all(|kind| !kind.is_region() || kind.is_held() && !kind.has_slots()));
    }
}
