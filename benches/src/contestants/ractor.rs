//! `ractor`: actors that are tasks of one process.

use std::time::Instant;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::runtime::Runtime;

use crate::Result;
use crate::call::middle_and_bad;
use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place, for_a_thousand};
use crate::machine;
use crate::message::{Order, Quote};

pub(crate) struct Ractor;

impl Contestant for Ractor {
    fn who(&self) -> &'static str {
        "ractor"
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

struct Trader;

enum Message {
    Place(Order),
    Quote(Quote, RpcReplyPort<Quote>),
    Value(RpcReplyPort<u64>),
}

impl Actor for Trader {
    type Msg = Message;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> std::result::Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        value: &mut u64,
    ) -> std::result::Result<(), ActorProcessingErr> {
        match message {
            Message::Place(order) => *value ^= order.value(),
            Message::Quote(quote, reply) => reply.send(quote.reply())?,
            Message::Value(reply) => reply.send(*value)?,
        }
        Ok(())
    }
}

async fn spawn() -> Result<ActorRef<Message>> {
    Ok(Actor::spawn(None, Trader, ()).await?.0)
}

async fn value(trader: &ActorRef<Message>) -> Result<u64> {
    let reply = trader.call(Message::Value, None).await.map_err(|_| "it is gone")?;
    reply.success_or_else(|| "no reply".into())
}

async fn casts(effort: Effort) -> Result<Outcome> {
    let trader = spawn().await?;
    let order = Order::some();
    let count = effort.casts(3e6) / 2 * 2 + 1;
    let start = Instant::now();
    for _ in 0..count {
        trader.cast(Message::Place(order.clone())).map_err(|_| "it is gone")?;
    }
    let value = value(&trader).await?;
    let elapsed = start.elapsed();
    match value == order.value() {
        true => Outcome::of([count as f64 / elapsed.as_secs_f64()]),
        false => Err("other orders came than were sent".into()),
    }
}

async fn calls(count: usize) -> Result<Outcome> {
    let trader = spawn().await?;
    let mut samples = Vec::with_capacity(count);
    for number in 0..count as u64 {
        let quote = Quote::numbered(number);
        let start = Instant::now();
        let reply = trader.call(|port| Message::Quote(quote, port), None).await.map_err(|_| "it is gone")?;
        samples.push(start.elapsed());
        if reply.success_or_else(|| "no reply")? != quote.reply() {
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
        let trader = spawn().await?;
        value(&trader).await?;
        samples.push(start.elapsed());
        trader.stop(None);
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

async fn crowd(count: usize) -> Result<Vec<ActorRef<Message>>> {
    let mut traders = Vec::with_capacity(count);
    for _ in 0..count {
        traders.push(spawn().await?);
    }
    for trader in &traders {
        value(trader).await?;
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
