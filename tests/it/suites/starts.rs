//! How actors begin, and what is told of how they end: in few words.

use std::thread;

use actor_core::process::{JoinError, Process};

use super::*;
use crate::harness::{isolated, isolated_for_both};

/// Is ready when the gate has been opened.
#[derive(Actor)]
struct Patient;

#[handlers]
impl Patient {
    #[init]
    fn new(gate: Queue<()>, begun: Queue<u32>) -> Patient {
        begun.send(std::process::id()).expect("somebody waits for it");
        gate.recv().expect("the gate is there");
        Patient
    }

    #[call]
    fn os_pid(&self) -> u32 {
        std::process::id()
    }
}

/// Starts others, as its children or on their own.
#[derive(Actor, Serialize, Deserialize)]
struct Parent;

#[handlers]
impl Parent {
    #[call]
    fn start(&self, gate: Queue<()>, begun: Queue<u32>, context: &mut Context<Self>) -> ActorRef<Patient> {
        context.spawn(Patient::define((gate, begun))).expect("it comes up")
    }
}

#[test]
fn smoke() {
    isolated(|| {
        let (gate, begun) = (gate(), Queue::bounded(1).unwrap());
        gate.send(()).unwrap();
        let patient = Patient::define((gate.clone(), begun.clone())).spawn().unwrap();
        assert_eq!(patient.os_pid().wait().unwrap(), begun.recv().unwrap());
        patient.stop().unwrap();
        begun.close(Close::Now);
        gate.close(Close::Now);
    });
}

#[test]
fn a_start_returns_when_init_has_and_not_before() {
    isolated_for_both(|| {
        let parent = Parent.spawn().unwrap();
        let (gate, begun) = (gate(), Queue::bounded(1).unwrap());
        let start = |way: u32| match (way, gate.clone(), begun.clone()) {
            (0, gate, begun) => Patient::define((gate, begun)).spawn().unwrap(),
            (1, gate, begun) => Patient::define((gate, begun)).spawn_link().unwrap(),
            (_, gate, begun) => parent.start(gate, begun).timeout(SOON).wait().unwrap(),
        };
        for way in 0..3 {
            thread::scope(|scope| {
                let started = scope.spawn(|| start(way));
                let pid = begun.recv_timeout(SOON).expect("its init begins");
                assert!(!started.is_finished(), "it has not returned");
                gate.send(()).unwrap();
                let patient = started.join().unwrap();
                assert_eq!(patient.os_pid().wait().unwrap(), pid, "the one that has begun");
                // It would take along whom it is linked to.
                if way != 0 {
                    patient.unlink().unwrap();
                }
                let _ = patient.kill().unwrap();
            });
        }
        let _ = parent.kill();
        begun.close(Close::Now);
        gate.close(Close::Now);
    });
}

/// Options have types; what a type allows and no mailbox can be is an error, and nothing is left of it.
#[test]
fn options_that_cannot_work_are_an_error_of_the_start() {
    isolated_for_both(|| {
        let gate = gate();
        for capacity in [0, u32::MAX] {
            let options = SpawnOptions { capacity: Some(capacity), ..SpawnOptions::default() };
            let error = Server { gate: gate.clone() }.spawn_with(options).unwrap_err();
            assert!(matches!(error, SpawnError::System { .. }), "{capacity}: {error:?}");
        }
        // Time enough for whoever is quicker than the look at the clock.
        let options = SpawnOptions { start_timeout: Duration::ZERO, ..SpawnOptions::default() };
        match (Server { gate: gate.clone() }).spawn_with(options) {
            Ok(server) => drop(server.stop().unwrap()),
            Err(error) => assert!(matches!(error, SpawnError::Timeout { .. }), "{error:?}"),
        }
        for name in ["", "with\0nothing\0in it", &"long ".repeat(10_000)] {
            let options = SpawnOptions { name: Some(name.into()), ..SpawnOptions::default() };
            match (Server { gate: gate.clone() }).spawn_with(options) {
                Ok(server) => drop(server.stop().unwrap()),
                Err(error) => assert!(matches!(error, SpawnError::System { .. }), "{error:?}"),
            }
        }
        done(gate, []);
    });
}

fn rage(bytes: usize) {
    panic!("{}", "z".repeat(bytes));
}

/// However long a text is that a process ends with, its report is short, and the same for everybody.
#[test]
fn a_report_is_short_whatever_there_is_to_say() {
    const LONG: usize = 1 << 20;
    isolated_for_both(|| {
        let gate = gate();
        for is_panic in [true, false] {
            let server = server(&gate);
            let monitors = [server.monitor().unwrap(), server.monitor().unwrap()];
            match is_panic {
                true => server.rage(LONG).send().unwrap(),
                false => server.despair(LONG).send().unwrap(),
            }
            let [one, other] = monitors.map(|monitor| monitor.wait_timeout(SOON).expect("it ends").report);
            assert_eq!(one, other);
            let text = match &one.reason {
                ExitReason::Panicked { message, .. } if is_panic => message,
                ExitReason::Failed(text) if !is_panic => text,
                other => panic!("{other:?}"),
            };
            assert!((1..=1024).contains(&text.len()), "{} bytes", text.len());
            assert!(one.stderr.len() <= 4096, "{} bytes", one.stderr.len());
            assert!(format!("{one:#}").len() < 8192, "{one:#}");
            if is_panic {
                assert!(LONG as u64 <= one.stderr_dropped + one.stderr.len() as u64, "{}", one.stderr_dropped);
            }
        }
        let process = Process::spawn(rage, LONG).unwrap();
        let Err(JoinError::Died(report)) = process.join() else { panic!("it does not return") };
        assert!(report.to_string().len() < 2048, "{report}");
        done(gate, []);
    });
}
