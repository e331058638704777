//! Bytes through a queue of ours, one by one and in batches.

use actor_core::process::Process;
use actor_core::queue::{Close, Options, Queue};

use crate::Result;
use crate::call::{self, Figures, Form, LAST};
use crate::case::{Case, Flow};
use crate::contestant::{Contestant, Effort, Outcome, Place};
use crate::cpu::{self, Seats};
use crate::flow::{self, Amount};
use crate::message::{self, Bytes};

/// One message at a time.
pub(crate) struct RawQueue;

/// As many at a time as [`BATCH`] says: a receiver is told of all of them at once.
pub(crate) struct BatchedQueue;

impl Contestant for RawQueue {
    fn who(&self) -> &'static str {
        "actor-core: queue"
    }

    fn place(&self) -> Place {
        Place::Ours
    }

    fn takes(&self, case: Case) -> bool {
        case.flow().is_some() || case.is_call()
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        match case.flow() {
            Some(flow) => measure_flow(flow, effort, 1),
            None => measure_calls(case, effort),
        }
    }
}

impl Contestant for BatchedQueue {
    fn who(&self) -> &'static str {
        "actor-core: queue, batches of 64"
    }

    fn place(&self) -> Place {
        Place::Ours
    }

    fn takes(&self, case: Case) -> bool {
        matches!(case, Case::Oneway64 | Case::Oneway64From4 | Case::Oneway1K)
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        let flow = case.flow().ok_or("it takes part in flows only")?;
        measure_flow(flow, effort, BATCH)
    }
}

const BATCH: usize = 64;

/// Of larger messages, fewer are under way, and they are not copied out.
const LARGE: usize = 4096;

/// What a producer gets: the queue, where its word comes from, how many bytes and how many messages, how
/// many of them at a time, and its CPU.
type Brief = (Queue<()>, Queue<()>, usize, usize, usize, usize);

fn measure_flow(flow: Flow, effort: Effort, batch: usize) -> Result<Outcome> {
    let pace = if flow.size > LARGE { 14e9 / flow.size as f64 } else { 14e6 };
    let amount = Amount::of(flow, effort, pace).in_batches(batch * flow.producers);
    let queue = touched_queue(flow.size)?;
    let word: Queue<()> = Queue::bounded(flow.producers)?;
    let seats = Seats::apart()?;
    let brief: Brief = (queue.clone(), word.clone(), flow.size, amount.share(flow), batch, seats.there);
    let spawn = |_| Process::spawn(produce, brief.clone());
    let producers: Vec<Process<()>> = (0..flow.producers).map(spawn).collect::<std::result::Result<_, _>>()?;
    cpu::stay_on(seats.here)?;
    producers.iter().try_for_each(|_| word.send(()))?;
    let rate = match batch {
        1 if flow.size > LARGE => consume_in_place(flow, amount, &queue)?,
        1 => consume(flow, amount, &queue)?,
        _ => consume_batches(flow, amount, &queue, batch)?,
    };
    producers.iter().try_for_each(Process::join)?;
    queue.close(Close::Now);
    Outcome::of([rate])
}

/// The first messages also take memory from the system, which is not what is measured.
fn touched_queue(size: usize) -> Result<Queue<()>> {
    let capacity = if size > LARGE { 64 } else { 1024 };
    let options = Options { message_max: size, ..Options::new(capacity) };
    let queue: Queue<()> = options.create()?;
    let mut bytes = vec![1; size];
    while queue.try_send_bytes(&bytes).is_ok() {}
    while queue.try_recv_into(&mut bytes).is_ok() {}
    Ok(queue)
}

fn consume(flow: Flow, amount: Amount, queue: &Queue<()>) -> Result<f64> {
    let mut buffer = vec![0; flow.size];
    flow::consume(flow, amount, |_| {
        queue.recv_into(&mut buffer)?;
        Ok((1, message::sum(&buffer)))
    })
}

/// A large message is looked at where it lies, as a receiver of iceoryx2 does.
fn consume_in_place(flow: Flow, amount: Amount, queue: &Queue<()>) -> Result<f64> {
    flow::consume(flow, amount, |_| {
        let item = queue.recv_reader()?;
        let sums = item.blocks().map(|block| message::sum(&block));
        Ok((1, sums.fold(0, u64::wrapping_add)))
    })
}

fn consume_batches(flow: Flow, amount: Amount, queue: &Queue<()>, batch: usize) -> Result<f64> {
    flow::consume(flow, amount, |max| {
        let mut sum = 0u64;
        let look = |bytes: &[u8]| sum = sum.wrapping_add(message::sum(bytes));
        let count = queue.recv_bytes_batch(max.min(batch), look)?;
        Ok((count, sum))
    })
}

fn produce((queue, word, size, count, batch, cpu): Brief) {
    cpu::stay_on(cpu).expect("the CPU is allowed");
    word.recv().expect("the word");
    match batch {
        1 => {
            let mut bytes = Bytes::new(size);
            for number in 0..count as u64 {
                queue.send_bytes(bytes.numbered(number)).expect("the queue is open");
            }
        }
        _ => {
            let mut messages: Vec<Bytes> = (0..batch).map(|_| Bytes::new(size)).collect();
            for first in (0..count as u64).step_by(batch) {
                let numbered = messages.iter_mut().zip(first..).map(|(bytes, number)| bytes.numbered(number));
                queue.send_bytes_batch(&numbered.collect::<Vec<_>>()).expect("the queue is open");
            }
        }
    }
}

fn measure_calls(case: Case, effort: Effort) -> Result<Outcome> {
    let mut figures = Figures::new(case, effort);
    for Form { seats, .. } in figures.forms()? {
        let (requests, replies) = (touched_queue(call::SIZE)?, touched_queue(call::SIZE)?);
        let server = Process::spawn(serve, (requests.clone(), replies.clone(), seats.there))?;
        let (mut request, mut buffer) = (Bytes::new(call::SIZE), vec![0; call::SIZE]);
        cpu::stay_on(seats.here)?;
        figures.take(|number| {
            requests.send_bytes(request.numbered(number))?;
            replies.recv_into(&mut buffer)?;
            let replied = message::number_of(message::sum(&buffer), call::SIZE);
            if replied == number + 1 { Ok(()) } else { Err("a wrong reply".into()) }
        })?;
        requests.send_bytes(request.numbered(LAST))?;
        server.join()?;
    }
    Ok(figures.outcome())
}

fn serve((requests, replies, cpu): (Queue<()>, Queue<()>, usize)) {
    cpu::stay_on(cpu).expect("the CPU is allowed");
    let (mut reply, mut buffer) = (Bytes::new(call::SIZE), vec![0; call::SIZE]);
    loop {
        requests.recv_into(&mut buffer).expect("a request");
        match message::number_of(message::sum(&buffer), call::SIZE) {
            LAST => return,
            number => replies.send_bytes(reply.numbered(number + 1)).expect("the queue is open"),
        }
    }
}
