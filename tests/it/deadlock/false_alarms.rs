//! Waits that look like those of a cycle, and are none.

use super::*;
use crate::harness::{isolated, isolated_and_long};

/// The other one answers, and calls back before its caller may have woken.
#[test]
fn who_has_been_answered_waits_no_more() {
    isolated_and_long(|| {
        let ([a, b], outcomes) = clerks();
        a.serve(b, 100_000).send().unwrap();
        assert_eq!(outcomes.recv_timeout(Duration::from_secs(280)), Ok(Ok(())));
        done([a, b], outcomes);
    });
}

#[test]
fn other_threads_wait_for_themselves_only() {
    isolated(|| {
        let ([a, b], outcomes) = clerks();
        let [here, there] = Meeting::pair();
        for _ in 0..100 {
            a.ask_by_thread(here.clone(), b).wait().unwrap();
            b.ask_by_thread(there.clone(), a).wait().unwrap();
            let told = [(); 2].map(|()| outcomes.recv_timeout(SOON).expect("neither hangs"));
            assert_eq!(told, [Ok(()), Ok(())]);
        }
        here.close();
        done([a, b], outcomes);
    });
}

/// One is killed while it waits for another, who then calls it.
#[test]
fn the_dead_and_the_restarted_wait_for_nobody() {
    isolated(|| {
        let ([once, b], outcomes) = clerks();
        let mut tree = Supervisor::builder();
        let again = tree.child(ChildSpec::new(Clerk { outcomes: outcomes.clone(), noted: 0 })).unwrap();
        let tree = tree.start().unwrap();
        for (a, is_again) in [(once, false), (again, true)] {
            let [here, there] = Meeting::pair();
            a.wait_for(b, there, a).send().unwrap();
            here.meet();
            // It surely sleeps, or is about to: nobody answers it.
            a.kill().unwrap();
            let is_back = a.ask(vec![]).wait();
            assert_eq!(is_back.is_ok(), is_again, "{is_back:?}");
            here.meet();
            assert_eq!(outcomes.recv_timeout(SOON), Ok(Ok(())));
            here.close();
        }
        tree.stop().unwrap();
        done([b], outcomes);
    });
}
