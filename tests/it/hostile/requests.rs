//! A process that floods the node with requests that are none, or that nobody of sound mind would send.

use actor_core::node;
use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::testing::raw;
use actor_tests::chance::{Chance, effort};
use actor_tests::hostile::mutate::input;

use super::adder::Adder;
use crate::harness::isolated;

/// Tells the node so many things that chance has made of requests, but none that it is right to obey.
fn rave((seed, count): (u64, u32)) -> u32 {
    let (mut chance, samples) = (Chance::new(seed), raw::request_samples());
    let lies = std::iter::repeat_with(|| input(&mut chance, &samples, 3000));
    let lies = lies.filter(|lie| !raw::is_obeyed(lie)).take(count as usize);
    lies.map(|lie| u32::from(raw::tell_node(&lie))).sum()
}

#[test]
fn h_11_the_node_refuses_what_is_no_request_and_goes_on() {
    isolated(|| {
        let actor = Adder.spawn().unwrap();
        let mut chance = Chance::announced();
        let raving: Vec<_> = (0..2).map(|_| Process::spawn(rave, (chance.any(), 3_000 * effort())).unwrap()).collect();
        for raving in raving {
            assert!(raving.join().is_ok_and(|told| 0 < told));
        }
        assert_eq!(Process::spawn(|n: u32| n + 1, 1).unwrap().join(), Ok(2));
        assert_eq!(actor.add(1, 2).wait().unwrap(), 3);
        assert!(actor.stop().unwrap().reason.is_normal());
        assert!(node::counters().is_ok());
    });
}
