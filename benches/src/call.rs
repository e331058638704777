//! Requests and replies: how long one takes, hot and cold, on one CPU and on two.

use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome};
use crate::cpu::{self, Seats};
use crate::message::{self, Bytes};
use crate::transport::{Link, Transport};
use crate::worker::{Part, Worker};

/// The first argument of a worker that replies.
pub(crate) const SERVE: &str = "serve";

/// Bytes of a request and of a reply.
pub(crate) const SIZE: usize = 64;

/// The number of the message after which no reply is waited for.
pub(crate) const LAST: u64 = 1 << 60;

/// Long enough for both sides to fall asleep.
const PAUSE: Duration = Duration::from_millis(1);

pub(crate) fn measure<T: Transport>(who: &dyn Contestant, case: Case, effort: Effort) -> Result<Outcome> {
    let mut figures = Figures::new(case, effort);
    for form in figures.forms()? {
        if T::ONLY_SPINS && !form.may_spin {
            figures.leave_out();
            continue;
        }
        let (mut transport, _worker) = pair::<T>(who, form)?;
        let mut request = Bytes::new(SIZE);
        cpu::stay_on(form.seats.here)?;
        figures.take(|number| {
            transport.send(request.numbered(number))?;
            let sum = transport.receive(message::sum)?;
            if message::number_of(sum, SIZE) == number + 1 { Ok(()) } else { Err("a wrong reply".into()) }
        })?;
        transport.send(request.numbered(LAST))?;
    }
    Ok(figures.outcome())
}

fn pair<T: Transport>(who: &dyn Contestant, Form { seats, may_spin }: Form) -> Result<(T, Worker)> {
    let link = Link { size: SIZE, others: 1, number: 0, may_spin };
    let (listener, address) = T::listen(link)?;
    let mut args = vec![SERVE.to_owned(), address, seats.there.to_string()];
    args.extend(link.to_args());
    let mut worker = Worker::start(who, T::stdin(&listener)?, &args)?;
    let transport = T::accept(listener)?;
    worker.wait_ready()?;
    Ok((transport, worker))
}

/// The part of the process that replies.
pub(crate) fn serve<T: Transport>(part: Part) -> Result<()> {
    let (address, cpu): (String, usize) = (part.arg(1)?, part.arg(2)?);
    let mut transport = T::connect(&address, Link::from_args(&part, 3)?)?;
    let mut reply = Bytes::new(SIZE);
    cpu::stay_on(cpu)?;
    part.ready()?;
    loop {
        let sum = transport.receive(message::sum)?;
        match message::number_of(sum, SIZE) {
            LAST => return part.wait_end(),
            number => transport.send(reply.numbered(number + 1))?,
        }
    }
}

/// Where the two sides are for some of the figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) seats: Seats,
    pub(crate) may_spin: bool,
}

/// The figures of a case about calls, taken one form after the other.
pub(crate) struct Figures {
    case: Case,
    calls: usize,
    medians: Vec<Option<f64>>,
    bad: Vec<Option<f64>>,
}

impl Figures {
    pub(crate) fn new(case: Case, effort: Effort) -> Figures {
        Figures { case, calls: effort.calls(case), medians: Vec::new(), bad: Vec::new() }
    }

    /// Who is hot is on two CPUs first, who is cold on one.
    pub(crate) fn forms(&self) -> Result<[Form; 2]> {
        let one = Form { seats: Seats::together()?, may_spin: false };
        let two = Form { seats: Seats::apart()?, may_spin: self.case == Case::CallHot };
        Ok(if self.case == Case::CallHot { [two, one] } else { [one, two] })
    }

    /// Times calls, which get numbers.
    pub(crate) fn take(&mut self, mut call: impl FnMut(u64) -> Result<()>) -> Result<()> {
        let warm_up = self.calls / 4;
        let mut samples = Vec::with_capacity(self.calls);
        for number in 0..(warm_up + self.calls) {
            if self.case == Case::CallCold {
                thread::park_timeout(PAUSE);
            }
            let start = Instant::now();
            call(number as u64)?;
            let time = start.elapsed();
            if number >= warm_up {
                samples.push(time);
            }
        }
        let [median, bad] = middle_and_bad(samples);
        self.medians.push(Some(median));
        self.bad.push(Some(bad));
        Ok(())
    }

    /// For one who cannot take a form.
    pub(crate) fn leave_out(&mut self) {
        self.medians.push(None);
        self.bad.push(None);
    }

    pub(crate) fn outcome(self) -> Outcome {
        let (medians, bad) = (&self.medians, &self.bad);
        let figures = match self.case {
            Case::CallHot => vec![medians[0], bad[0], medians[1]],
            _ => vec![medians[0], medians[1]],
        };
        Outcome::Figures(figures)
    }
}

/// The sample in the middle and the one that is worse than 99 of 100, in microseconds.
pub(crate) fn middle_and_bad(mut samples: Vec<Duration>) -> [f64; 2] {
    samples.sort();
    let at = |part: f64| samples[((samples.len() - 1) as f64 * part).round() as usize].as_secs_f64() * 1e6;
    [at(0.5), at(0.99)]
}
