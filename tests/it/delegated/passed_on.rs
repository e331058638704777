//! The handle goes from one actor to the next, while all of them live.

use super::*;

#[test]
fn another_actor_answers() {
    isolated(|| {
        let (front, back) = (clerk(), clerk());
        let asking = ask(front.pass_on(back));
        until_kept(&back, 1);
        back.answer(7).send().unwrap();
        assert_eq!(asking.join().unwrap().unwrap(), 7);
        assert_eq!(front.pass_job_on(back, 8).wait().unwrap(), 8, "within other data, in a call");
        front.stop().unwrap();
        back.stop().unwrap();
    });
}

/// More hops than are counted, through one's own mailbox as well.
#[test]
fn a_handle_goes_round_and_is_still_the_only_one() {
    isolated(|| {
        let ring = [clerk(), clerk()];
        let asking = ask(ring[0].keep());
        until_kept(&ring[0], 1);
        for hop in 0..600 {
            let next = if hop % 3 == 0 { hop } else { hop + 1 };
            let from = ring.iter().position(|clerk| clerk.count().wait().unwrap() == (1, 1)).expect("one has it");
            ring[from].pass_kept_on(ring[next % 2]).send().unwrap();
            until_kept(&ring[next % 2], 1);
        }
        ring.iter().for_each(|clerk| clerk.answer(3).send().unwrap());
        assert_eq!(asking.join().unwrap().unwrap(), 3);
        ring.iter().for_each(|clerk| drop(clerk.stop().unwrap()));
    });
}
