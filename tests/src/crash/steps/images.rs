//! Every state of the shared memory that an operation on a queue passes through, repaired.
//!
//! A victim is led once through an operation, and the memory of the queue is kept whenever an instruction
//! has changed what governs it: an *image*. Each image is what a death there would leave behind. It is put
//! back, repaired as the node does after that death, and checked as in [`steps`](super), without a death.
//!
//! At depth 2 another process does the repair and is led through it in turn: each image that the repair
//! passes through is repaired again, from the beginning and after the death of that process as well. So a
//! repair may be interrupted anywhere and done again.
//!
//! A run is one image. Operations during which somebody else is at work have images that no death leaves
//! behind alone; they are left to [`steps`](super).

use std::collections::HashSet;
use std::io;
use std::sync::atomic::Ordering::{Acquire, Release};

use actor_core::process::Process;
use actor_core::queue::Close;
use actor_core::testing::proof;
use serde::{Deserialize, Serialize};

use super::books::Books;
use super::channel::{Channel, Sort};
use super::field::{can_lead, end_victims, used_queue};
use super::scene::{Note, Notes, SEATS, WORDS};
use super::table::TABLE;
use super::trial::{Trial, Victim};
use super::{Budget, Fault, Kind, Mode, Plan, Tally};
use crate::board::Board;
use crate::chance::Chance;
use crate::steps::{Step, Stepped, stand_still, stay_on_one_processor};

/// Every image of every operation.
pub const MODE: Mode = Mode {
    name: "images",
    about: "repairs every state that operations, and repairs, leave behind; a run is a state",
    run,
    usual: Budget::Runs(u64::MAX),
};

fn run(plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
    if let Err(error) = stay_on_one_processor().and_then(|()| can_lead()) {
        tally.remarks.push(format!("SKIP: nobody can be led here: {error}"));
        return Ok(());
    }
    let wanted = plan.only.as_deref();
    let is_wanted = |case: &usize| wanted.is_none_or(|title| TABLE[*case].title() == title);
    let mut cases: Vec<usize> = (0..TABLE.len()).filter(|case| TABLE[*case].has_images()).filter(is_wanted).collect();
    // So that a run that ends early has not always seen the same.
    Chance::new(plan.seed).shuffle(&mut cases);
    let mut galleries = Sort::ALL.into_iter().map(Gallery::new).collect::<Result<Vec<_>, _>>()?;
    let (mut depth_1, mut depth_2, mut tried) = (0, 0, 0);
    for case in &cases {
        if !plan.goes_on(tally) {
            break;
        }
        let only = |fault: Fault| fault.only(TABLE[*case].title());
        let gallery = &mut galleries[TABLE[*case].sort as usize];
        let images = gallery.images_of(*case).map_err(only)?;
        tried += 1;
        for image in &images {
            depth_1 += 1;
            gallery.show(*case, image, &[image.victim], tally);
            for (repaired, repairer) in gallery.images_of_repair(image).map_err(only)? {
                depth_2 += 1;
                gallery.show(*case, &repaired, &[image.victim, repairer], tally);
            }
        }
    }
    galleries.iter().flat_map(|gallery| [&gallery.queue, &gallery.used]).for_each(|queue| queue.close(Close::Now));
    tally.remarks.push(format!("operations  {tried} of {}", cases.len()));
    tally.remarks.push(format!("images      {depth_1} at depth 1, {depth_2} at depth 2"));
    Ok(())
}

/// What a death would leave behind.
struct Image {
    /// After so many instructions.
    step: usize,
    bytes: Vec<u8>,
    /// What the victim had noted by then.
    notes: Vec<u64>,
    victim: u16,
}

/// A queue that is made to be in any state.
struct Gallery {
    queue: Channel,
    used: Channel,
    board: Board,
    /// The queue as it was made.
    blank: Vec<u8>,
    /// What the harness has done on the queue of the case that is shown.
    books: Books,
}

/// What is needed to repair.
#[derive(Clone, Serialize, Deserialize)]
struct Order {
    queue: Channel,
    dead: u16,
    notes: Notes,
}

/// All images are of one trial.
const TRIAL: u32 = 1;

impl Gallery {
    fn new(sort: Sort) -> Result<Gallery, Fault> {
        let (queue, used) = (used_queue(sort)?, used_queue(sort)?);
        let blank = proof::image(&queue).map_err(unreadable)?;
        Ok(Gallery { queue, used, board: Board::new(SEATS * WORDS), blank, books: Books::default() })
    }

    fn trial(&self, case: usize) -> Trial {
        Trial::new([self.queue.clone(), self.used.clone()], &TABLE[case], TRIAL, self.board.clone())
    }

    /// The images that an operation passes through, from before its first instruction.
    fn images_of(&mut self, case: usize) -> Result<Vec<Image>, Fault> {
        proof::put(&self.queue, &self.blank).map_err(unreadable)?;
        self.board.iter().for_each(|word| word.store(0, Release));
        let mut trial = self.trial(case);
        trial.prepare()?;
        self.books = trial.books;
        let victim = trial.start(0, case)?;
        let participant = victim.notes.get(Note::Who) as u16;
        let images = self.collect(&victim.stepped, &victim.notes, participant)?;
        self.end(&[victim])?;
        Ok(images)
    }

    /// The images that the repair of an image passes through, and who has repaired.
    fn images_of_repair(&mut self, image: &Image) -> Result<Vec<(Image, u16)>, Fault> {
        self.put(image)?;
        // The seat of the repairer is the second, so what the victim has noted stays.
        let notes = Notes { board: self.board.clone(), trial: TRIAL, seat: 1 };
        let order = Order { queue: self.queue.clone(), dead: image.victim, notes: notes.clone() };
        let process = Process::spawn(repair_when_told, order).map_err(|error| Kind::Orphan.fault(error))?;
        let stepped = Stepped::take_over(process.pid()).map_err(lost)?;
        let participant = notes.get(Note::Who) as u16;
        let images = self.collect(&stepped, &notes, image.victim)?;
        self.end(&[Victim { process, stepped, notes }])?;
        Ok(images.into_iter().map(|image| (image, participant)).collect())
    }

    /// Leads somebody to the end of what he does, and keeps each state of the memory once.
    fn collect(&self, stepped: &Stepped, notes: &Notes, victim: u16) -> Result<Vec<Image>, Fault> {
        let (mut images, mut seen, mut last) = (Vec::new(), HashSet::new(), (Vec::new(), Vec::new()));
        for step in 0.. {
            let now = (proof::words(&self.queue).map_err(unreadable)?, self.noted());
            if now != last && seen.insert(now.clone()) {
                let bytes = proof::image(&self.queue).map_err(unreadable)?;
                images.push(Image { step, bytes, notes: now.1.clone(), victim });
            }
            last = now;
            if notes.is_over() || stepped.step().map_err(lost)? != Step::Made {
                break;
            }
        }
        Ok(images)
    }

    fn noted(&self) -> Vec<u64> {
        self.board.iter().map(|word| word.load(Acquire)).collect()
    }

    fn put(&self, image: &Image) -> Result<(), Fault> {
        self.board.iter().zip(&image.notes).for_each(|(word, noted)| word.store(*noted, Release));
        proof::put(&self.queue, &image.bytes).map_err(unreadable)
    }

    /// Repairs an image after the deaths, and checks what it then is.
    fn show(&self, case: usize, image: &Image, dead: &[u16], tally: &mut Tally) {
        tally.runs += 1;
        if let Err(fault) = self.try_to_show(case, image, dead) {
            let depth = dead.len();
            let text = format!("depth {depth}, after {} instructions: {}", image.step, fault.text);
            tally.note(Fault { text, ..fault }.only(TABLE[case].title()));
        }
    }

    fn try_to_show(&self, case: usize, image: &Image, dead: &[u16]) -> Result<(), Fault> {
        self.put(image)?;
        dead.iter().for_each(|dead| proof::repair(&self.queue, *dead));
        let mut trial = self.trial(case);
        trial.books = self.books;
        trial.books.add(&Notes { board: self.board.clone(), trial: TRIAL, seat: 0 });
        trial.check(None)
    }

    /// Ends those who stand still, without the node being asked to give memory back: it would do so in
    /// the middle of what comes next.
    fn end(&self, victims: &[Victim]) -> Result<(), Fault> {
        proof::keep_memory(&self.queue, false);
        end_victims(victims)?;
        proof::keep_memory(&self.queue, true);
        Ok(())
    }
}

fn repair_when_told(order: Order) {
    let Order { queue, dead, notes } = order;
    notes.set(Note::Who, u64::from(proof::me()));
    stand_still();
    proof::repair(&queue, dead);
    notes.set(Note::Over, 1);
    loop {
        stand_still();
    }
}

fn unreadable(error: io::Error) -> Fault {
    Kind::Wedged.fault(format!("the memory of the queue cannot be copied: {error}"))
}

fn lost(error: io::Error) -> Fault {
    Kind::Wedged.fault(format!("nobody can be led on: {error}"))
}
