//! Slices of the long runs of `cargo run --release -p actor-tests --bin crash`.

mod steps;

use actor_tests::chance::{Chance, effort};
use actor_tests::crash::kills::{Hits, campaign};
use actor_tests::crash::{Budget, Plan, Tally};

use crate::harness::isolated;

const KILLS: u64 = 300;

#[test]
fn c_12_random_kills_of_a_full_system() {
    isolated(|| {
        let kills = KILLS * u64::from(effort());
        let plan = Plan { budget: Budget::Runs(kills), seed: Chance::announced().any(), only: None };
        let mut tally = Tally::new("kills");
        let outcome = campaign(&plan, &mut tally).unwrap_or_else(|fault| panic!("{fault}"));
        println!("{outcome:#?}");
        assert_eq!((tally.kills, tally.runs), (kills, kills));
        assert!(outcome.audit.sent > 0 && outcome.audit.again > 0, "nothing was at stake");
        assert!(Hits::PERCENT_MIN <= outcome.hits.percent(), "too many deaths of the idle: {:?}", outcome.hits);
    });
}
