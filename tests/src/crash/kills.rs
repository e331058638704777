//! A full system on all cores, and somebody who kills its processes at random moments.
//!
//! Senders, consumers and an actor work on one queue and one mailbox; the killer chooses victim and
//! moment with a seed. The books are kept by the crew, on memory that the crate under test does
//! not know. After every round the system comes to rest, and the books are audited:
//!
//! * INV1: what was accepted was handed out.
//! * INV2: handed out once, and once more for each death or giving back; the count that consumers are
//!   told is right.
//! * INV3: no byte is of another message.
//! * INV4: first deliveries are in the order of their sender.
//! * INV5: everybody goes on within a second after the last death, and the queue is drained.
//! * INV6: room for messages, memory and processes are as they were before.
//! * INV7: who has mapped the memory is one of the crew.

mod books;
mod campaign;
mod checks;
mod crew;

use std::time::Duration;

use actor_core::node::Counters;
use actor_core::testing::Snapshot;

use super::{Budget, Fault, Kind, Mode, Plan, Tally};
pub use books::Audit;

/// A run is a kill.
pub const MODE: Mode = Mode {
    name: "kills",
    about: "random processes of a full system at random moments; a run is a kill",
    run,
    usual: Budget::Runs(10_000),
};

/// How it went.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Times that the zygote was killed besides.
    pub zygotes: u64,
    /// Times that somebody was stopped for a while, or until his death.
    pub stops: u64,
    /// What the dead had under way.
    pub hits: Hits,
    /// The messages.
    pub audit: Audit,
    /// The longest time until the system was at rest after a round.
    pub rest_max: Duration,
}

/// What the dead were at, each counted once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hits {
    /// A slot was half written.
    pub writing: u64,
    /// A message was in hand.
    pub claimed: u64,
    /// Room for a large message was in nobody's message.
    pub between: u64,
    /// Nothing of this, but a task was held that had left its slot: no step was interrupted.
    pub holding: u64,
    /// Nothing of this.
    pub other: u64,
}

impl Hits {
    fn new(kills: u64, before: Counters, after: Counters) -> Hits {
        let writing = after.died_writing - before.died_writing;
        let claimed = after.died_claimed - before.died_claimed;
        let between = after.died_between - before.died_between;
        let holding = after.died_holding - before.died_holding;
        let other = kills.saturating_sub(writing + claimed + between + holding);
        Hits { writing, claimed, between, holding, other }
    }

    /// How many of a hundred deaths must hit a slot or the gap between, or the run shows little.
    pub const PERCENT_MIN: u64 = 30;

    /// How many of a hundred deaths hit a slot or the gap between.
    pub fn percent(&self) -> u64 {
        let hits = self.writing + self.claimed + self.between;
        100 * hits / (hits + self.holding + self.other).max(1)
    }
}

/// Carries out a plan, and looks what is left behind.
fn run(plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
    let before = Snapshot::take();
    let outcome = campaign(plan, tally)?;
    outcome.report(tally);
    let leaks = before.leaks();
    Kind::Orphan.unless(leaks.is_empty(), || leaks.join(", "))?;
    let percent = outcome.hits.percent();
    // Nothing is wrong with what was killed then, but with the one who kills: he proves nothing.
    assert!(Hits::PERCENT_MIN <= percent || tally.kills < 1000, "{percent} % is less than {} %", Hits::PERCENT_MIN);
    Ok(())
}

/// Carries out a plan.
///
/// # Errors
/// An invariant does not hold.
pub fn campaign(plan: &Plan, tally: &mut Tally) -> Result<Outcome, Fault> {
    campaign::Campaign::start(plan)?.run(plan, tally)
}

impl Outcome {
    fn report(&self, tally: &mut Tally) {
        let Outcome { zygotes, stops, hits, audit, rest_max } = self;
        let Hits { writing, claimed, between, holding, other } = *hits;
        let mut lines = vec![format!("besides     {zygotes} zygotes killed, {stops} processes stopped")];
        for (name, count) in
            [("writing", writing), ("claimed", claimed), ("between", between), ("holding", holding), ("other", other)]
        {
            let bar = "#".repeat((50 * count / tally.kills.max(1)) as usize);
            lines.push(format!("  {name:<9} {count:>9} {bar}"));
        }
        lines.push(format!(
            "hit         {} % of the kills hit a slot that was written or claimed, or between",
            hits.percent()
        ));
        lines.push(format!("messages    {} sent, and {} by the dead unawares", audit.sent, audit.unknown));
        lines.push(format!("deliveries  {}, of them again {}", audit.delivered, audit.again));
        lines.push(format!(
            "unwritten   {} deliveries and {} acknowledgements by the dead",
            audit.unwritten, audit.unsure
        ));
        lines.push(format!("at rest     after {rest_max:?} at most"));
        tally.remarks.extend(lines);
    }
}
