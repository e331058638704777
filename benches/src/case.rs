//! [`Case`]: what is compared, and in which figures.
//!
//! Who takes part in a case is not said here but by each contestant.

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Oneway64,
    Oneway64From4,
    Oneway1K,
    Oneway64K,
    Oneway1M,
    Cast64,
    CallHot,
    CallCold,
    SpawnReady,
    Spawn1000,
    KillToNextMessage,
    IdleMemory,
    PoolMap,
}

/// Messages of bytes from some processes to one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) size: usize,
    pub(crate) producers: usize,
}

/// One of the figures that a case has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

const RATE: [Figure; 1] = [Figure { unit: "msg/s", better: Better::More }];

const fn less(unit: &'static str) -> Figure {
    Figure { unit, better: Better::Less }
}

impl Case {
    pub(crate) const ALL: [Case; 13] = [
        Case::Oneway64,
        Case::Oneway64From4,
        Case::Oneway1K,
        Case::Oneway64K,
        Case::Oneway1M,
        Case::Cast64,
        Case::CallHot,
        Case::CallCold,
        Case::SpawnReady,
        Case::Spawn1000,
        Case::KillToNextMessage,
        Case::IdleMemory,
        Case::PoolMap,
    ];

    pub(crate) fn id(self) -> &'static str {
        match self {
            Case::Oneway64 => "oneway_64_1to1",
            Case::Oneway64From4 => "oneway_64_4to1",
            Case::Oneway1K => "oneway_1k_1to1",
            Case::Oneway64K => "oneway_64k_1to1",
            Case::Oneway1M => "oneway_1m_1to1",
            Case::Cast64 => "cast_64",
            Case::CallHot => "call_hot",
            Case::CallCold => "call_cold",
            Case::SpawnReady => "spawn_ready",
            Case::Spawn1000 => "spawn_1000",
            Case::KillToNextMessage => "kill_to_next_message",
            Case::IdleMemory => "idle_memory",
            Case::PoolMap => "pool_map_10k",
        }
    }

    pub(crate) fn by_id(id: &str) -> Option<Case> {
        Case::ALL.into_iter().find(|case| case.id() == id)
    }

    /// What it is about, for people.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Case::Oneway64 => "messages of 64 bytes from one process to another, on a CPU each",
            Case::Oneway64From4 => "messages of 64 bytes from four processes to one, which has a CPU of its own",
            Case::Oneway1K => "messages of 1 KiB from one process to another, on a CPU each",
            Case::Oneway64K => "messages of 64 KiB from one process to another, on a CPU each",
            Case::Oneway1M => "messages of 1 MiB from one process to another, on a CPU each",
            Case::Cast64 => "a struct of some 60 encoded bytes to an actor, or what comes near, without a reply",
            Case::CallHot => "a request and its reply, back to back",
            Case::CallCold => {
                "a request and its reply, when both sides have slept for a millisecond, on one CPU and on two"
            }
            Case::SpawnReady => "from the start of a process to the first word that its function says",
            Case::Spawn1000 => "until 1000 are all ready, started by several threads where that is possible",
            Case::KillToNextMessage => "from SIGKILL to the first message that the next life has handled",
            Case::IdleMemory => "memory of one that waits: its own, and what the whole machine has less for it",
            Case::PoolMap => "a map of 10 000 tasks, 64 bytes in and 8 out, over a pool of two processes",
        }
    }

    pub(crate) fn figures(self) -> &'static [Figure] {
        const HOT: [Figure; 3] = [less("us, p50"), less("us, p99"), less("us, p50, one CPU")];
        const COLD: [Figure; 2] = [less("us, p50, one CPU"), less("us, p50, two CPUs")];
        const SPREAD: [Figure; 2] = [less("us, p50"), less("us, p99")];
        const ALL: [Figure; 1] = [less("ms")];
        const MEMORY: [Figure; 2] = [less("KiB, private"), less("KiB, machine")];
        match self {
            Case::CallHot => &HOT,
            Case::CallCold => &COLD,
            Case::SpawnReady | Case::KillToNextMessage => &SPREAD,
            Case::Spawn1000 | Case::PoolMap => &ALL,
            Case::IdleMemory => &MEMORY,
            _ => &RATE,
        }
    }

    /// `None`: the case is not about bytes that go one way.
    pub(crate) fn flow(self) -> Option<Flow> {
        let flow = |size, producers| Some(Flow { size, producers });
        match self {
            Case::Oneway64 => flow(64, 1),
            Case::Oneway64From4 => flow(64, 4),
            Case::Oneway1K => flow(1 << 10, 1),
            Case::Oneway64K => flow(64 << 10, 1),
            Case::Oneway1M => flow(1 << 20, 1),
            _ => None,
        }
    }

    pub(crate) fn is_call(self) -> bool {
        matches!(self, Case::CallHot | Case::CallCold)
    }
}
