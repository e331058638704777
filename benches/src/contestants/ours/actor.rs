//! Our actors: typed casts and calls, and how fast they come, come back, and what they take.

use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::{StartMethod, node};
use serde::{Deserialize, Serialize};

use super::crowd::{Crowd, Idle, restarts};
use crate::Result;
use crate::call::{Figures, Form, middle_and_bad};
use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place, for_a_thousand};
use crate::cpu::{self, Seats};
use crate::machine;
use crate::message::{Order, Quote};

/// As they are by default: forked by the zygote.
pub(crate) struct Actor;

/// The same, started by exec.
pub(crate) struct Executed;

impl Contestant for Actor {
    fn who(&self) -> &'static str {
        "actor-core: actor"
    }

    fn place(&self) -> Place {
        Place::Ours
    }

    fn takes(&self, case: Case) -> bool {
        case.flow().is_none() && case != Case::PoolMap
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        match case {
            Case::Cast64 => Outcome::of([casts(effort)?]),
            Case::CallHot | Case::CallCold => calls(case, effort),
            _ => lives(case, effort),
        }
    }
}

impl Contestant for Executed {
    fn who(&self) -> &'static str {
        "actor-core: actor, by exec"
    }

    fn place(&self) -> Place {
        Place::Ours
    }

    fn takes(&self, case: Case) -> bool {
        matches!(case, Case::SpawnReady | Case::Spawn1000 | Case::KillToNextMessage | Case::IdleMemory)
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        node::set_start_method(StartMethod::Exec);
        lives(case, effort)
    }
}

fn lives(case: Case, effort: Effort) -> Result<Outcome> {
    // What is there for good after the first actor is there.
    drop(Crowd::spawn(8)?);
    match case {
        Case::SpawnReady => {
            let mut samples = Vec::new();
            for _ in 0..effort.spawns() {
                let start = Instant::now();
                let idle = Idle.spawn()?;
                samples.push(start.elapsed());
                idle.kill()?;
            }
            Outcome::of(middle_and_bad(samples))
        }
        Case::Spawn1000 => {
            let count = effort.thousand();
            let start = Instant::now();
            let crowd = Crowd::spawn(count)?;
            let time = start.elapsed();
            drop(crowd);
            Outcome::of([for_a_thousand(time, count)])
        }
        Case::KillToNextMessage => Outcome::of(middle_and_bad(restarts(effort.spawns())?)),
        _ => {
            let before = machine::available_kib()?;
            let crowd = Crowd::spawn(effort.idle())?;
            let machine = before - machine::available_kib()?;
            let [private, _] = machine::memory_of(&crowd.pids()?, before)?;
            Outcome::of([private, machine / effort.idle() as f64])
        }
    }
}

/// Takes orders and quotes.
#[derive(actor_core::Actor, Serialize, Deserialize)]
#[actor(capacity = 1024)]
struct Trader {
    value: u64,
}

#[handlers]
impl Trader {
    #[cast]
    fn place(&mut self, order: Order) {
        self.value ^= order.value();
    }

    #[call]
    fn quote(&mut self, quote: Quote) -> Quote {
        quote.reply()
    }

    #[call]
    fn value(&mut self) -> u64 {
        self.value
    }

    #[call]
    fn stay_on(&mut self, cpu: usize) {
        cpu::stay_on(cpu).expect("the CPU is allowed");
    }
}

/// For what stands behind many others.
const PATIENCE: Duration = Duration::from_secs(60);

fn casts(effort: Effort) -> Result<f64> {
    let seats = Seats::apart()?;
    let trader = Trader { value: 0 }.spawn()?;
    trader.stay_on(seats.there).wait()?;
    cpu::stay_on(seats.here)?;
    let order = Order::some();
    let send = |count: usize| -> Result<u64> {
        for _ in 0..count {
            trader.place(order.clone()).send()?;
        }
        Ok(trader.value().timeout(PATIENCE).wait()?)
    };
    // An even number of them, so that nothing is left of their values.
    send(2048)?;
    let count = effort.casts(8e6) / 2 * 2 + 1;
    let start = Instant::now();
    let value = send(count)?;
    let elapsed = start.elapsed();
    trader.stop()?;
    match value == order.value() {
        true => Ok(count as f64 / elapsed.as_secs_f64()),
        false => Err("other orders came than were sent".into()),
    }
}

fn calls(case: Case, effort: Effort) -> Result<Outcome> {
    let mut figures = Figures::new(case, effort);
    for Form { seats, .. } in figures.forms()? {
        let trader = Trader { value: 0 }.spawn()?;
        trader.stay_on(seats.there).wait()?;
        cpu::stay_on(seats.here)?;
        figures.take(|number| {
            let quote = Quote::numbered(number);
            let replied = trader.quote(quote).wait()?;
            if replied == quote.reply() { Ok(()) } else { Err("a wrong reply".into()) }
        })?;
        trader.stop()?;
    }
    Ok(figures.outcome())
}
