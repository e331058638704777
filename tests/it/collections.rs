//! Actors that are ready to be used: shared by many processes, killed, and started anew.

use std::collections::BTreeSet;
use std::time::Duration;

use actor_core::collections::{Dict, List, Namespace, OutOfRange, Unordered};
use actor_core::prelude::*;
use actor_core::process::Process;
use actor_tests::watch::{Seen, processes, until};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{isolated, isolated_for_both};

type Numbers = Dict<u32, Vec<u32>>;

/// What the watchdog is earlier than.
const LONG: Duration = Duration::from_secs(600);

/// The process of the one actor here of this name.
fn process_of(name: &str) -> Pid {
    let own = std::process::id();
    let found = processes().into_iter().find(|seen| seen.parent == own && seen.name == name);
    Pid::from_raw(found.expect("it lives").pid.cast_signed()).expect("no number of a process is 0")
}

/// Inserts ten numbers, and changes what the one before has inserted under 0.
fn fill((numbers, worker): (ActorRef<Numbers>, u32)) {
    for n in 0..10 {
        assert_eq!(numbers.insert(100 * worker + n, vec![n]).wait().unwrap(), None);
    }
    let mut changed = numbers.get(0).wait().unwrap().unwrap();
    changed.push(worker);
    numbers.insert(0, changed).wait().unwrap();
}

/// Takes what there is.
fn take(numbers: ActorRef<Numbers>) -> Vec<u32> {
    std::iter::from_fn(|| numbers.pop_first().wait().unwrap()).map(|(key, _)| key).collect()
}

#[test]
fn smoke() {
    isolated_for_both(|| {
        let ages = Dict::from_iter([("ada".to_owned(), 36)]).spawn().unwrap();
        assert_eq!(ages.get_or_insert("alan".into(), 41).wait().unwrap(), 41);
        assert_eq!(ages.get_or_insert("alan".into(), 0).wait().unwrap(), 41);
        assert!(ages.contains("ada".into()).wait().unwrap());
        ages.update(vec![("ada".into(), 37), ("grace".into(), 85)]).wait().unwrap();
        assert_eq!(ages.remove("alan".into()).wait().unwrap(), Some(41));
        assert_eq!(ages.remove("alan".into()).wait().unwrap(), None);
        assert_eq!(ages.keys().wait().unwrap(), ["ada", "grace"]);
        assert_eq!(ages.items().wait().unwrap(), [("ada".into(), 37), ("grace".into(), 85)]);
        ages.clear().wait().unwrap();
        assert_eq!((ages.len().wait().unwrap(), ages.is_empty().wait().unwrap()), (0, true));
        ages.stop().unwrap();
    });
}

#[test]
fn several_processes_use_one_dict() {
    isolated_for_both(|| {
        let numbers = Numbers::from_iter([(0, vec![])]).spawn().unwrap();
        for worker in 1..=3 {
            Process::spawn(fill, (numbers, worker)).unwrap().join().unwrap();
        }
        assert_eq!(numbers.len().wait().unwrap(), 31);
        assert_eq!(numbers.get(0).wait().unwrap(), Some(vec![1, 2, 3]), "each has put back what it has changed");
        // Each entry is taken by one of those who take at the same time.
        let takers: Vec<_> = (0..3).map(|_| Process::spawn(take, numbers).unwrap()).collect();
        let taken: Vec<u32> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
        assert_eq!(taken.len(), 31);
        assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 31);
        assert!(numbers.is_empty().wait().unwrap());
        numbers.stop().unwrap();
    });
}

#[test]
fn a_reference_is_a_value_like_others() {
    isolated(|| {
        let by_name = Dict::new().spawn().unwrap();
        let list = List::from_iter([2.5, 0.5]).spawn().unwrap();
        by_name.insert("halves".to_owned(), list).wait().unwrap();
        let found: ActorRef<List<f64>> = by_name.get("halves".into()).wait().unwrap().unwrap();
        found.push(1.5).wait().unwrap();
        assert_eq!(list.items().wait().unwrap(), [2.5, 0.5, 1.5], "it is the list and no copy of it");
        by_name.stop().unwrap();
        list.stop().unwrap();
    });
}

#[test]
fn a_list_says_what_is_not_there() {
    isolated(|| {
        let list = List::new().spawn().unwrap();
        list.extend(vec![3.0, 1.0, 2.0]).wait().unwrap();
        list.sort().wait().unwrap();
        list.reverse().wait().unwrap();
        assert_eq!(list.items().wait().unwrap(), [3.0, 2.0, 1.0]);
        assert_eq!((list.index(2.0).wait().unwrap(), list.index(5.0).wait().unwrap()), (Some(1), None));
        assert_eq!(list.set(1, 2.5).wait().unwrap(), 2.0);
        list.insert(3, 0.5).wait().unwrap();
        let beyond = OutOfRange { index: 9, len: 4 };
        assert!(matches!(list.insert(9, 0.0).wait(), Err(CallError::Handler(error)) if error == beyond));
        assert!(matches!(list.set(9, 0.0).wait(), Err(CallError::Handler(error)) if error == beyond));
        assert_eq!((list.get(9).wait().unwrap(), list.remove(9).wait().unwrap()), (None, None));
        assert_eq!((list.remove(0).wait().unwrap(), list.pop().wait().unwrap()), (Some(3.0), Some(0.5)));
        list.push(f64::NAN).wait().unwrap();
        let error = list.sort().wait();
        assert!(matches!(error, Err(CallError::Handler(Unordered { index: 2 }))), "{error:?}");
        assert_eq!(list.len().wait().unwrap(), 3, "and it is as it was");
        list.stop().unwrap();
    });
}

#[test]
fn a_namespace_has_values_of_any_types() {
    isolated(|| {
        let names = Namespace::new().spawn().unwrap();
        names.set("numbers", vec![Some(1), None]).wait().unwrap();
        names.set("name", ("x".to_owned(), 'y')).wait().unwrap();
        let read = |names: ActorRef<Namespace>| names.get::<Vec<Option<u8>>>("numbers").wait().unwrap();
        let elsewhere = Process::spawn(read, names).unwrap().join().unwrap();
        assert_eq!(elsewhere, Some(vec![Some(1), None]));
        assert_eq!(names.get::<(String, char)>("name").wait().unwrap(), Some(("x".into(), 'y')));
        assert!(matches!(names.get::<u64>("name").wait(), Err(CallError::Decode { .. })));
        assert!(matches!(names.set("nothing", ()).wait(), Err(CallError::Encode { .. })));
        assert_eq!(names.get::<u64>("nothing").wait().unwrap(), None);
        assert_eq!(names.names().wait().unwrap(), ["name", "numbers"]);
        assert!(names.remove("name").wait().unwrap());
        assert!(!names.remove("name").wait().unwrap());
        names.set("numbers", "of another type".to_owned()).wait().unwrap();
        assert_eq!(names.get::<String>("numbers").wait().unwrap().as_deref(), Some("of another type"));
        names.stop().unwrap();
    });
}

fn is_stopped(process: Pid) -> bool {
    Seen::of(process.as_raw_nonzero().get().cast_unsigned()).is_some_and(|seen| seen.state == 'T')
}

#[test]
fn a_dict_that_is_killed_is_an_error_value() {
    isolated_for_both(|| {
        let dict = Dict::from_iter([(1, 1)]).spawn().unwrap();
        let process = process_of("dict");
        kill_process(process, Signal::STOP).unwrap();
        // Until then it may answer: it spins after its start.
        until("it is stopped", || is_stopped(process));
        let pending = dict.get(1).timeout(LONG).start().unwrap();
        kill_process(process, Signal::KILL).unwrap();
        match pending.wait() {
            Err(CallError::Died(report)) => {
                assert_eq!(report.reason, ExitReason::Signaled { signal: 9, core: false });
            }
            other => panic!("{other:?}"),
        }
        // Its mailbox may not be closed yet, or be closed and still there.
        let after = dict.insert(1, 2).wait();
        assert!(matches!(after, Err(CallError::Died(_) | CallError::Closed(_) | CallError::NoProc(_))), "{after:?}");
        until("it is gone", || matches!(dict.insert(1, 2).wait(), Err(CallError::NoProc(_))));
    });
}

#[test]
fn a_dict_under_a_supervisor_begins_anew() {
    isolated(|| {
        let mut app = Supervisor::builder();
        let dict = app.child(ChildSpec::new(Dict::from_iter([(1, "first".to_owned())]))).unwrap();
        let app = app.start().unwrap();
        dict.insert(2, "later".into()).wait().unwrap();
        dict.remove(1).wait().unwrap();
        dict.kill().unwrap();
        until("it lives again", || dict.is_alive());
        assert_eq!(dict.items().wait().unwrap(), [(1, "first".into())], "as it was defined");
        app.stop().unwrap();
    });
}
