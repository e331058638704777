//! Hostile input: what is done to bytes that somebody else has written, one [`Target`] for each kind.
//!
//! A target's body takes any bytes and panics if something does not hold that is promised for all of them.
//! The same body runs for a second or so in the tests, as long as one likes by the program `fuzz`, and
//! under a fuzzer that knows what was covered by the package in `fuzz/`. What a run has found stays as a
//! file in `fuzz/corpus/`, beside a few files from which the others come.

pub mod control;
pub mod decoder;
pub mod envelope;
pub mod image;
pub mod log;
pub mod mutate;
pub mod pool;
pub mod run;
pub mod sequence;
pub mod socket;
pub mod types;

/// One kind of input and what is done with it.
#[derive(Clone, Copy)]
pub struct Target {
    /// As it is called on the command line and below `fuzz/`.
    pub name: &'static str,
    /// What it takes for what.
    pub about: &'static str,
    /// Does it.
    pub body: fn(&[u8]),
    /// Inputs that the product itself would write.
    pub samples: fn() -> Vec<Vec<u8>>,
    /// The longest input worth trying.
    pub length_max: usize,
    /// How often it runs in the tests.
    pub runs: u64,
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    decoder::TARGET,
    control::TARGET,
    envelope::TARGET,
    image::TARGET,
    log::TARGET,
    pool::TARGET,
    sequence::TARGET,
    socket::TARGET,
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
