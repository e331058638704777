//! Models of a task on the board: nothing of it is lost with a dead worker, and nobody is killed for what
//! another has. See `crate::shm::models` for what a model is.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering::{AcqRel, Release};

use loom::thread::{JoinHandle, spawn};

use super::TaskId;
use super::seat::SeatWords;
use super::task::{Attempt, Doom, Stand, TaskWords, WorkerNumber};
use crate::pool::burial::Blame;
use crate::shm::models::memory::{Checked, Word64, check, check_deaths, mortal};
use crate::shm::words::Word;

const ID: TaskId = TaskId { index: 0, generation: 7 };
const ITEMS: u32 = 2;
/// Dead in each model, and the one who gets the task after that.
const FIRST: WorkerNumber = WorkerNumber::new(1);
const SECOND: WorkerNumber = WorkerNumber::new(2);

/// A board with one task, and a seat for each of two workers.
struct Tested {
    task: [Word64; 3],
    seats: [[Word64; 5]; 2],
    /// How often each item was begun.
    begun: [Cell<u32>; ITEMS as usize],
    retries: u32,
}

/// What came of a worker's part in a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// It has not got it.
    None,
    /// It was stopped.
    Stopped,
    /// It has sent results from this item on.
    Sent(u32),
}

impl Tested {
    fn new(retries: u32) -> Rc<Tested> {
        let words = || std::array::from_fn(|_| Word64::new(0));
        let seats = std::array::from_fn(|_| std::array::from_fn(|_| Word64::new(0)));
        let tested = Tested { task: words(), seats, begun: Default::default(), retries };
        tested.task().open();
        Rc::new(tested)
    }

    /// With a task that one has had who is dead and buried.
    fn returned() -> Rc<Tested> {
        let tested = Tested::new(1);
        tested.task().claim((1, ITEMS), FIRST, &tested.seat(0)).unwrap();
        tested
    }

    fn task(&self) -> TaskWords<'_, Checked> {
        let [state, last, timed] = &self.task;
        TaskWords { state, last, timed, id: ID }
    }

    fn seat(&self, number: usize) -> SeatWords<'_, Checked> {
        let [task, item, due, kept, doomed] = &self.seats[number];
        SeatWords { task, item, due, kept, doomed }
    }

    /// Comes to the board. The checker tries every order of writes to a word, but forgets who has read it before
    /// somebody else has: so each begins with a write, which changes nothing.
    fn come(&self) {
        self.task[0].fetch_or(0, AcqRel);
    }

    /// As a worker does, without what the items are.
    fn work(&self, number: usize, worker: WorkerNumber) -> Part {
        self.come();
        let (task, seat) = (self.task(), self.seat(number));
        let Some(mut attempt) = task.claim((self.retries, ITEMS), worker, &seat) else { return Part::None };
        let first = attempt.item;
        while attempt.item < ITEMS {
            if !task.begin(attempt, worker, &seat) {
                return Part::Stopped;
            }
            let begun = &self.begun[attempt.item as usize];
            begun.set(begun.get() + 1);
            seat.keep(first, attempt.item + 1 - first);
            attempt = Attempt::first(attempt.item + 1);
        }
        if !task.change(Stand::Running(worker), Stand::Ended) {
            return Part::Stopped;
        }
        Part::Sent(first)
    }

    /// The items that have something to be told of them after the first worker's death.
    fn bury(&self) -> Vec<u32> {
        self.come();
        let Some((id, attempt)) = self.seat(0).at_work() else { return Vec::new() };
        assert_eq!(id, ID);
        let (first, count) = self.seat(0).kept();
        let mut told: Vec<u32> = (first..first + count).collect();
        match Blame::of(self.task().stand(), (FIRST, None), attempt, self.retries) {
            Blame::Nobody => {}
            Blame::Died => told.push(attempt.item),
            blame @ (Blame::Doom | Blame::TimedOut) => panic!("{blame:?}"),
        }
        told
    }
}

fn second(tested: &Rc<Tested>) -> JoinHandle<Part> {
    let tested = tested.clone();
    spawn(move || tested.work(1, SECOND))
}

/// Dead at any step, with what it has finished, and buried while another goes on.
fn every_item_has_a_result(retries: u32) {
    check_deaths(2, move |steps| {
        let tested = Tested::new(retries);
        let victim = {
            let tested = tested.clone();
            spawn(move || mortal(steps, || tested.work(0, FIRST)))
        };
        let Some(part) = victim.join().unwrap() else {
            let second = second(&tested);
            let mut told = tested.bury();
            if let Part::Sent(first) = second.join().unwrap() {
                told.extend(first..ITEMS);
            }
            assert!((0..ITEMS).all(|item| told.contains(&item)), "{told:?}");
            assert!(tested.begun.iter().all(|begun| begun.get() <= 1 + retries), "{:?}", tested.begun);
            return true;
        };
        assert_eq!(part, Part::Sent(0));
        false
    });
}

#[test]
fn of_a_task_whose_worker_dies_every_item_has_a_result() {
    every_item_has_a_result(0);
}

#[test]
fn items_that_are_tried_again_have_a_result() {
    every_item_has_a_result(1);
}

/// One goes on with what the dead has left, while somebody gives it up: who is named is stopped, and nobody
/// else.
#[test]
fn who_is_doomed_is_stopped_and_nobody_else() {
    check(3, || {
        let tested = Tested::returned();
        let second = second(&tested);
        tested.come();
        let doom = tested.task().doom();
        let part = second.join().unwrap();
        let is_doomed = tested.task().is_doomed(SECOND, &tested.seat(1));
        match doom {
            Doom::Worker(SECOND) => assert!(part == Part::Stopped && is_doomed),
            Doom::Worker(_) => assert!(part == Part::None && !is_doomed),
            Doom::Settled => assert!(matches!(part, Part::Sent(_)) && !is_doomed),
            Doom::Unbegun => panic!("it was begun"),
        }
    });
}

/// The time of the dead is up while another goes on with its task.
#[test]
fn the_time_limit_of_the_dead_stops_nobody_else() {
    check(3, || {
        let tested = Tested::returned();
        let second = second(&tested);
        tested.come();
        tested.task().time_out(FIRST, 0);
        assert!(matches!(second.join().unwrap(), Part::Sent(_)));
        assert_eq!(tested.task().stand(), Some(Stand::Ended));
    });
}

/// Who is named by a word that is about to be another task's goes no further either.
#[test]
fn who_is_doomed_stays_so_whatever_comes_in_the_place_of_its_task() {
    check(2, || {
        let tested = Tested::new(0);
        let worker = {
            let tested = tested.clone();
            spawn(move || (tested.work(0, FIRST), tested.task().is_doomed(FIRST, &tested.seat(0))))
        };
        // All of it with the ledger open, and the next task behind it.
        tested.come();
        let is_timed = tested.task().time_out(FIRST, 0);
        if is_timed {
            tested.seat(0).doomed.store(1, Release);
        }
        tested.task().close();
        let next = TaskId { generation: ID.generation + 1, ..ID };
        TaskWords { id: next, ..tested.task() }.open();
        let (part, is_doomed) = worker.join().unwrap();
        assert_eq!(is_doomed, is_timed, "{part:?}");
    });
}
