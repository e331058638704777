//! `kameo`: actors that are tasks of one process.

use std::time::Instant;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::mailbox;
use kameo::message::{Context, Message};
use tokio::runtime::Runtime;

use crate::Result;
use crate::call::middle_and_bad;
use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place, for_a_thousand};
use crate::machine;
use crate::message::{Order, Quote};

pub(crate) struct Kameo;

impl Contestant for Kameo {
    fn who(&self) -> &'static str {
        "kameo"
    }

    fn place(&self) -> Place {
        Place::Inside
    }

    fn takes(&self, case: Case) -> bool {
        matches!(case, Case::Cast64 | Case::CallHot | Case::SpawnReady | Case::Spawn1000 | Case::IdleMemory)
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        let runtime = Runtime::new()?;
        // As a task: what `block_on` runs has a thread of its own, and wakes cost more there.
        let task = runtime.spawn(async move {
            match case {
                Case::Cast64 => casts(effort).await,
                Case::CallHot => calls(effort.calls(case)).await,
                Case::SpawnReady => spawns(effort.calls(Case::CallHot)).await,
                Case::Spawn1000 => thousand().await,
                _ => memory().await,
            }
        });
        runtime.block_on(task)?
    }
}

#[derive(Actor)]
struct Trader {
    value: u64,
}

/// Asks what has come of the orders.
struct Value;

impl Message<Order> for Trader {
    type Reply = ();

    async fn handle(&mut self, order: Order, _: &mut Context<Self, ()>) {
        self.value ^= order.value();
    }
}

impl Message<Quote> for Trader {
    type Reply = Replied;

    async fn handle(&mut self, quote: Quote, _: &mut Context<Self, Replied>) -> Replied {
        Replied(quote.reply())
    }
}

impl Message<Value> for Trader {
    type Reply = u64;

    async fn handle(&mut self, _: Value, _: &mut Context<Self, u64>) -> u64 {
        self.value
    }
}

#[derive(kameo::Reply)]
struct Replied(Quote);

/// With as much room for messages as ours.
fn spawn() -> ActorRef<Trader> {
    Trader::spawn_with_mailbox(Trader { value: 0 }, mailbox::bounded(1024))
}

async fn casts(effort: Effort) -> Result<Outcome> {
    let trader = spawn();
    let order = Order::some();
    let count = effort.casts(3e6) / 2 * 2 + 1;
    let start = Instant::now();
    for _ in 0..count {
        trader.tell(order.clone()).await?;
    }
    let value = trader.ask(Value).await?;
    let elapsed = start.elapsed();
    match value == order.value() {
        true => Outcome::of([count as f64 / elapsed.as_secs_f64()]),
        false => Err("other orders came than were sent".into()),
    }
}

async fn calls(count: usize) -> Result<Outcome> {
    let trader = spawn();
    let mut samples = Vec::with_capacity(count);
    for number in 0..count as u64 {
        let quote = Quote::numbered(number);
        let start = Instant::now();
        let Replied(reply) = trader.ask(quote).await?;
        samples.push(start.elapsed());
        if reply != quote.reply() {
            return Err("a wrong reply".into());
        }
    }
    let [median, bad] = middle_and_bad(samples);
    Ok(Outcome::Figures(vec![Some(median), Some(bad), None]))
}

async fn spawns(count: usize) -> Result<Outcome> {
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        let trader = spawn();
        trader.ask(Value).await?;
        samples.push(start.elapsed());
        trader.stop_gracefully().await?;
    }
    Outcome::of(middle_and_bad(samples))
}

const THOUSAND: usize = 1000;

async fn thousand() -> Result<Outcome> {
    let start = Instant::now();
    let traders = crowd(THOUSAND).await?;
    let time = start.elapsed();
    drop(traders);
    Outcome::of([for_a_thousand(time, THOUSAND)])
}

async fn crowd(count: usize) -> Result<Vec<ActorRef<Trader>>> {
    let traders: Vec<ActorRef<Trader>> = (0..count).map(|_| spawn()).collect();
    for trader in &traders {
        trader.ask(Value).await?;
    }
    Ok(traders)
}

async fn memory() -> Result<Outcome> {
    const COUNT: usize = 10_000;
    let _warm = crowd(100).await?;
    let own = std::process::id();
    let before = machine::private_kib(own)?;
    let _traders = crowd(COUNT).await?;
    let each = (machine::private_kib(own)? - before) / COUNT as f64;
    Ok(Outcome::Figures(vec![Some(each), None]))
}
