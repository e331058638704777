//! Ends of actors and processes, monitors and exit signals, waited for together with others.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use actor_core::link::{monitor, trap_exit};
use actor_core::prelude::*;
use actor_core::process::Process;
use actor_core::queue::{Close, Queue};
use actor_core::wait::{ready, try_wait, wait_timeout};
use actor_core::{Peer, ProcessId};
use actor_tests::foreign;
use actor_tests::watch::{self, bound};
use futures::executor::block_on;
use rustix::process::{Pid, Signal, getppid, kill_process};
use serde::{Deserialize, Serialize};

use super::{NOT_YET, SOON, queue};
use crate::harness::{isolated, isolated_for_both};

#[derive(Actor, Serialize, Deserialize)]
struct Idler;

#[handlers]
impl Idler {
    #[cast]
    fn crash(&mut self) {
        foreign::segfault();
    }
}

fn sleep_for_good((): ()) {
    foreign::sleep_in_c(1000);
}

#[test]
fn an_actor_is_ready_when_its_life_is_over() {
    isolated_for_both(|| {
        let (actor, queue) = (Idler.spawn().unwrap(), queue(1));
        let life = actor.incarnation().expect("it lives");
        let peer = Peer::from(life);
        assert_eq!(wait_timeout(&[&actor, &life, &peer, &queue], NOT_YET).unwrap(), [0; 0]);
        actor.crash().send().unwrap();
        assert_eq!(wait_timeout(&[&queue, &actor], SOON).unwrap(), [1]);
        assert_eq!(wait_timeout(&[&actor, &life, &peer, &queue], SOON).unwrap(), [0, 1, 2]);
        queue.close(Close::Drain);
    });
}

/// The next life has nothing to do with a wait that began before, and is a new wait for the reference.
#[test]
fn a_wait_is_for_the_life_that_is_lived_when_it_begins() {
    isolated(|| {
        let mut supervisor = Supervisor::builder();
        let actor = supervisor.child(Idler).unwrap();
        let supervisor = supervisor.start().unwrap();
        let life = actor.incarnation().expect("it was started");
        let (end, over) = (monitor(life).unwrap(), ready(&actor));
        life.kill().unwrap();
        block_on(over).unwrap();
        assert_eq!(wait_timeout(&[&life, &end], SOON).unwrap()[0], 0);
        watch::until("the next life has begun", || actor.is_alive());
        assert_eq!(try_wait(&[&actor, &life]).unwrap(), [1]);
        supervisor.stop().unwrap();
    });
}

#[test]
fn who_was_never_there_is_ready_at_once() {
    isolated(|| {
        let process = Process::spawn(|()| (), ()).unwrap();
        process.join().unwrap();
        let id: ProcessId = process.id();
        assert_eq!(try_wait(&[&process, &id, &Peer::from(id)]).unwrap(), [0, 1, 2]);
        assert_eq!(try_wait(&[&Peer::Main]).unwrap(), [0; 0], "this very process");
    });
}

#[test]
fn a_monitor_is_ready_when_it_has_its_notice() {
    isolated_for_both(|| {
        let queue = queue(1);
        let processes: Vec<_> = (0..3).map(|_| Process::spawn(sleep_for_good, ()).unwrap()).collect();
        let monitors: Vec<_> = processes.iter().map(|it| monitor(it).unwrap()).collect();
        assert_eq!(wait_timeout(&[&queue, &monitors[0], &monitors[1]], NOT_YET).unwrap(), [0; 0]);
        for (process, monitor) in processes.iter().zip(&monitors) {
            process.kill().unwrap();
            assert_eq!(wait_timeout(&[&queue, monitor], SOON).unwrap(), [1]);
            assert_eq!(monitor.try_wait().map(|down| down.peer), Some(process.id().into()));
            // Together with a descriptor as well.
            assert_eq!(wait_timeout(&[&queue, monitor, process], SOON).unwrap(), [1, 2]);
        }
        queue.close(Close::Drain);
    });
}

#[test]
fn exit_signals_are_waited_for_with_others() {
    isolated(|| {
        let (exits, queue) = (trap_exit().unwrap(), queue(1));
        let linked = Process::spawn_link(sleep_for_good, ()).unwrap();
        assert_eq!(wait_timeout(&[&queue, &exits], NOT_YET).unwrap(), [0; 0]);
        linked.kill().unwrap();
        assert_eq!(wait_timeout(&[&queue, &exits], SOON).unwrap(), [1]);
        assert_eq!(exits.try_recv().map(|exit| exit.from), Some(linked.id().into()));
        assert_eq!(try_wait(&[&queue, &exits]).unwrap(), [0; 0]);
        queue.close(Close::Drain);
    });
}

/// Lets a process go on that was stopped.
struct GoesOn(Pid);

impl Drop for GoesOn {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// Stops the program's first process, with the node in it, and polls a monitor that has news there.
fn poll_while_the_node_is_stopped((target, go, told): (ProcessId, Queue<u32>, Queue<u32>)) -> Duration {
    let root = getppid().expect("the node is its parent");
    let (first, second) = (monitor(target).expect("the node is there"), monitor(target).expect("the node is there"));
    told.send(0).expect("somebody reads it");
    go.recv().expect("somebody sends it");
    // Whatever fails here, it goes on.
    let _goes_on = GoesOn(root);
    kill_process(root, Signal::STOP).expect("it lives");
    let number = root.as_raw_nonzero().get().unsigned_abs();
    // The signal is sent before every thread of it stands.
    watch::until("it is stopped", || watch::all_have_state(number, 'T'));
    let begin = Instant::now();
    let mut context = Context::from_waker(Waker::noop());
    {
        // This one asks, and is given up.
        let mut future = pin!(first.wait_async());
        assert_eq!(future.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(future.as_mut().poll(&mut context), Poll::Pending);
    }
    assert_eq!(wait_timeout(&[&first, &second], NOT_YET).expect("it can wait"), [0; 0]);
    let took = begin.elapsed();
    kill_process(root, Signal::CONT).expect("it lives");
    assert_eq!(block_on(second.wait_async()).peer, target.into());
    assert_eq!(first.wait().peer, target.into());
    took
}

#[test]
fn no_poll_waits_for_a_node_that_is_stopped() {
    isolated(|| {
        let (go, told) = (queue(1), queue(1));
        let target = Process::spawn(sleep_for_good, ()).unwrap();
        let poller = Process::spawn(poll_while_the_node_is_stopped, (target.id(), go.clone(), told.clone())).unwrap();
        told.recv().unwrap();
        let here = monitor(&target).unwrap();
        target.kill().unwrap();
        // The node tells everybody in one go, so the other has news when this one does.
        assert_eq!(here.wait_timeout(SOON).map(|down| down.peer), Some(target.id().into()));
        go.send(0).unwrap();
        let took = poller.join_timeout(SOON).unwrap();
        assert!(took < bound(Duration::from_secs(4)), "{took:?}");
        [go, told].iter().for_each(|queue| queue.close(Close::Drain));
    });
}
