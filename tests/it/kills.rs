//! A slice of the long run of `cargo run --release -p actor-tests --bin kills`.

use actor_tests::chance::{Chance, effort};
use actor_tests::kills::{Hits, Plan, run};

use crate::harness::isolated;

const KILLS: u64 = 300;

#[test]
fn c_12_random_kills_of_a_full_system() {
    isolated(|| {
        let kills = KILLS * u64::from(effort());
        let outcome = run(&Plan { kills, kills_per_round: 100, seed: Chance::announced().any() });
        println!("{outcome:#?}");
        assert_eq!(outcome.kills, kills);
        assert!(outcome.audit.sent > 0 && outcome.audit.again > 0, "nothing was at stake");
        assert!(Hits::PERCENT_MIN <= outcome.hits.percent(), "too many deaths of the idle: {:?}", outcome.hits);
    });
}
