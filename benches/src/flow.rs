//! Messages one way: how many of them a second, when the receiver reads every byte.

use std::time::Instant;

use crate::Result;
use crate::case::Flow;
use crate::contestant::{Contestant, Effort, Outcome};
use crate::cpu::{self, Seats};
use crate::message::{self, Bytes};
use crate::transport::{Link, Transport};
use crate::worker::{Part, Worker};

/// The first argument of a worker that sends.
pub(crate) const PRODUCE: &str = "produce";

/// How many messages are sent, and how many of them before time is taken: by then all memory that is
/// needed has been touched, and everybody runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    pub(crate) warm_up: usize,
    pub(crate) timed: usize,
}

impl Amount {
    pub(crate) fn of(flow: Flow, effort: Effort, pace: f64) -> Amount {
        let timed = effort.messages(flow, pace);
        Amount { warm_up: timed / 4 / flow.producers * flow.producers, timed }
    }

    /// Rounded, so that nobody has to send a part of a batch.
    pub(crate) fn in_batches(self, size: usize) -> Amount {
        let whole = |count: usize| count.div_ceil(size) * size;
        Amount { warm_up: whole(self.warm_up), timed: whole(self.timed) }
    }

    /// What each producer sends.
    pub(crate) fn share(self, flow: Flow) -> usize {
        (self.warm_up + self.timed) / flow.producers
    }
}

pub(crate) fn measure<T: Transport>(who: &dyn Contestant, flow: Flow, effort: Effort) -> Result<Outcome> {
    let amount = Amount::of(flow, effort, T::pace(flow.size));
    let seats = Seats::apart()?;
    let link = Link::of(flow);
    let (listener, address) = T::listen(link)?;
    let args = [PRODUCE.to_owned(), address, amount.share(flow).to_string(), seats.there.to_string()];
    let start = |number| {
        let args = [&args[..], &Link { number, ..link }.to_args()].concat();
        Worker::start(who, T::stdin(&listener)?, &args)
    };
    let mut workers: Vec<Worker> = (0..flow.producers).map(start).collect::<Result<_>>()?;
    let mut transport = T::accept(listener)?;
    workers.iter_mut().try_for_each(Worker::wait_ready)?;
    cpu::stay_on(seats.here)?;
    workers.iter_mut().try_for_each(Worker::go)?;
    let rate = consume(flow, amount, |_| Ok((1, transport.receive(message::sum)?)))?;
    Outcome::of([rate])
}

/// Takes all messages and returns how many came in a second. `receive` takes one or some, but not more
/// than it is told, and returns how many they were and their sum.
pub(crate) fn consume(
    flow: Flow,
    amount: Amount,
    mut receive: impl FnMut(usize) -> Result<(usize, u64)>,
) -> Result<f64> {
    let (mut sum, mut received) = (0u64, 0usize);
    let mut receive_until = |count: usize| -> Result<()> {
        while received < count {
            let (some, theirs) = receive(count - received).map_err(|error| format!("{error}; {received} came"))?;
            sum = sum.wrapping_add(theirs);
            received += some;
        }
        Ok(())
    };
    receive_until(amount.warm_up)?;
    let start = Instant::now();
    receive_until(amount.warm_up + amount.timed)?;
    let elapsed = start.elapsed();
    let expected = message::sum_of(amount.share(flow), flow.size).wrapping_mul(flow.producers as u64);
    match sum == expected {
        true => Ok(amount.timed as f64 / elapsed.as_secs_f64()),
        false => Err("what came is not what was sent".into()),
    }
}

/// The part of a process that sends.
pub(crate) fn produce<T: Transport>(mut part: Part) -> Result<()> {
    let (address, count, cpu): (String, u64, usize) = (part.arg(1)?, part.arg(2)?, part.arg(3)?);
    let link = Link::from_args(&part, 4)?;
    let mut transport = T::connect(&address, link)?;
    let mut bytes = Bytes::new(link.size);
    cpu::stay_on(cpu)?;
    part.ready()?;
    part.wait_go()?;
    for number in 0..count {
        transport.send(bytes.numbered(number))?;
    }
    // What was sent may lie in memory of this process.
    part.wait_end()
}
