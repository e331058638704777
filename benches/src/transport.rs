//! [`Transport`]: a way for bytes from process to process, and what is measured with any of them.

use std::process::Stdio;

use crate::case::{Case, Flow};
use crate::contestant::{Contestant, Effort, Outcome};
use crate::worker::Part;
use crate::{Result, call, flow};

/// What both ends know before they meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// Bytes of a message.
    pub(crate) size: usize,
    /// How many others there are.
    pub(crate) others: usize,
    /// Which of them this end is, counted from 0; of no meaning at the end that they all know.
    pub(crate) number: usize,
    /// Whether one who waits may keep its CPU busy.
    pub(crate) may_spin: bool,
}

/// One end of a link. The end of the process that measures is made by [`listen`](Transport::listen) and
/// [`accept`](Transport::accept), those of the others by [`connect`](Transport::connect).
pub(crate) trait Transport: Sized {
    /// The end before the others are there.
    type Listener;

    /// Whether it knows no way to sleep until a message comes.
    const ONLY_SPINS: bool = false;

    /// Messages per second that can be expected: it decides how many are sent.
    fn pace(size: usize) -> f64;

    /// The end, and what the others need to find it.
    fn listen(link: Link) -> Result<(Self::Listener, String)>;

    /// What another process has as its standard input.
    fn stdin(_listener: &Self::Listener) -> Result<Stdio> {
        Ok(Stdio::null())
    }

    /// Waits until the others are there.
    fn accept(listener: Self::Listener) -> Result<Self>;

    fn connect(address: &str, link: Link) -> Result<Self>;

    fn send(&mut self, bytes: &[u8]) -> Result<()>;

    /// Shows the next message, where it lies if that is possible.
    fn receive(&mut self, look: impl FnOnce(&[u8]) -> u64) -> Result<u64>;
}

/// Measures a case about bytes.
pub(crate) fn measure<T: Transport>(who: &dyn Contestant, case: Case, effort: Effort) -> Result<Outcome> {
    match case.flow() {
        Some(flow) => flow::measure::<T>(who, flow, effort),
        None => call::measure::<T>(who, case, effort),
    }
}

/// The part of the other process.
pub(crate) fn work<T: Transport>(part: Part) -> Result<()> {
    match part.arg::<String>(0)?.as_str() {
        flow::PRODUCE => flow::produce::<T>(part),
        _ => call::serve::<T>(part),
    }
}

impl Link {
    pub(crate) fn of(flow: Flow) -> Link {
        Link { size: flow.size, others: flow.producers, number: 0, may_spin: true }
    }

    /// As arguments of a worker; [`from_args`](Link::from_args) is the way back.
    pub(crate) fn to_args(self) -> [String; 4] {
        [self.size.to_string(), self.others.to_string(), self.number.to_string(), self.may_spin.to_string()]
    }

    pub(crate) fn from_args(part: &Part, first: usize) -> Result<Link> {
        let (size, others, number) = (part.arg(first)?, part.arg(first + 1)?, part.arg(first + 2)?);
        Ok(Link { size, others, number, may_spin: part.arg(first + 3)? })
    }
}
