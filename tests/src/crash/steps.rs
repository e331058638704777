//! Death at every instruction of every operation on queues, mailboxes and answers.
//!
//! A victim is led through one operation instruction by instruction and killed after so many of them,
//! then another one after one more, until one has come to the end; in each variant of the operation.
//! What the models do for the steps of a protocol this does for the program as it was compiled. After
//! each death the node repairs, and a checker with books of its own (`books`) asserts:
//!
//! * INV1: what somebody was told to be sent is there, or was handled by somebody.
//! * INV2: it is there once, with a count that the deaths explain.
//! * INV3: with its bytes, and none of another message.
//! * INV4: first deliveries are in the order of their sender.
//! * INV5: who sleeps and has something to wake up for is awake within a second; draining ends.
//! * INV6: there is as much room as ever; at the end processes, descriptors and memory are as before.
//!
//! A run is a death. In between there are pairs: two victims at places left to chance, who both die.
//! The mode must not count an instruction as covered that nobody has died at.

mod acts;
mod books;
mod clerk;
mod field;
pub mod images;
mod known;
mod office;
mod scene;
mod sleeper;
mod table;
mod trial;

use actor_core::testing::Snapshot;

use self::field::{Field, Part, can_lead};
use self::office::{DEEDS, Office};
use self::table::{Case, TABLE};

use super::{Budget, Fault, Kind, Mode, Plan, Tally};
use crate::chance::Chance;
use crate::steps::stay_on_one_processor;

/// Death at every instruction.
pub const MODE: Mode = Mode {
    name: "steps",
    about: "kills at every instruction of every operation on queues and mailboxes; a run is a death",
    run,
    // More than there are instructions: all of them, once.
    usual: Budget::Runs(u64::MAX),
};

/// Every so many runs are of two victims.
const PAIR_EACH: u64 = 8;
/// Instructions of an operation on large messages, most of which copy bytes: so many of them.
const SAMPLES: usize = 200;
/// Other operations have fewer.
const LONG: usize = 20_000;
const FAR_SAMPLES: usize = 3;
/// How often a place is looked for that an operation did not come to.
const TRIES: usize = 3;
/// More faults than these say nothing new.
const FAULTS_MAX: usize = 20;

/// What a mode can be told to do alone, in the words of its faults.
pub fn titles(mode: &Mode) -> Vec<String> {
    let is_meant = |case: &&Case| if mode.name == MODE.name { !case.sampled } else { case.has_images() };
    let of_queues = TABLE.iter().filter(is_meant).map(Case::title);
    let of_actors = DEEDS.iter().filter(|_| mode.name == MODE.name).map(|deed| deed.title.to_owned());
    of_queues.chain(of_actors).collect()
}

fn run(plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
    let cannot = stay_on_one_processor().and_then(|()| can_lead());
    if let Err(error) = cannot {
        tally.remarks.push(format!("SKIP: nobody can be led here: {error}"));
        return Ok(());
    }
    let before = Snapshot::take();
    let (field, office) = (Field::new(Chance::new(plan.seed))?, Office::new()?);
    let mut steps = Steps { field, office, chance: Chance::new(!plan.seed), lengths: Vec::new(), pairs: 0 };
    steps.run(plan, tally)?;
    tally.kills += steps.field.kills + steps.office.kills;
    tally.recovered_within(steps.field.recovery_max.max(steps.office.recovery_max));
    steps.field.leave();
    steps.office.leave()?;
    before.leaks().into_iter().for_each(|leak| tally.note(Kind::Orphan.fault(leak)));
    Ok(())
}

struct Steps {
    field: Field,
    office: Office,
    chance: Chance,
    /// Cases on queues that are tried, and how many instructions they have.
    lengths: Vec<(usize, usize)>,
    pairs: u64,
}

/// What faults and command lines call a case: first come those on queues, then those on mailboxes.
fn title(case: usize) -> String {
    match TABLE.get(case) {
        Some(row) => row.title(),
        None => DEEDS[case - TABLE.len()].title.to_owned(),
    }
}

fn is_sampled(case: usize) -> bool {
    TABLE.get(case).is_some_and(|row| row.sampled)
}

fn may_go_on(plan: &Plan, tally: &Tally) -> bool {
    plan.goes_on(tally) && tally.faults().len() < FAULTS_MAX
}

impl Steps {
    fn run(&mut self, plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
        (tally.covered, tally.total) = (Some(0), Some(0));
        let (wanted, only) = match plan.only.as_deref().map(|only| only.split_once('@').unwrap_or((only, ""))) {
            Some((title, step)) => (Some(title), step.parse::<usize>().ok()),
            None => (None, None),
        };
        let is_wanted = |case: &usize| wanted.is_none_or(|wanted| title(*case) == wanted);
        let cases: Vec<usize> = (0..TABLE.len() + DEEDS.len()).filter(is_wanted).collect();
        // Those last that take long to go through even once.
        let (sampled, all): (Vec<_>, Vec<_>) = cases.into_iter().partition(|case| is_sampled(*case));
        for cases in [all, sampled] {
            let mut begun = Vec::new();
            for case in cases {
                if !plan.goes_on(tally) {
                    tally.remarks.push(format!("{:<52} not begun", title(case)));
                    continue;
                }
                let steps = self.explore(case).map_err(|fault| fault.only(title(case)))?;
                begun.push((case, steps));
                tally.remarks.push(format!("{:<52} {steps} instructions", title(case)));
            }
            self.lengths.extend(begun.iter().filter(|(case, _)| *case < TABLE.len()));
            let singles = self.singles(&begun, only);
            tally.total = tally.total.map(|total| total + singles.len() as u64);
            self.run_all(singles, wanted.is_none(), plan, tally);
        }
        while wanted.is_none() && matches!(plan.budget, Budget::Time(_)) && may_go_on(plan, tally) {
            self.pair(tally);
        }
        tally.remarks.push(format!("pairs       {}", self.pairs));
        Ok(())
    }

    fn run_all(&mut self, singles: Vec<Part>, with_pairs: bool, plan: &Plan, tally: &mut Tally) {
        for part in singles {
            if with_pairs && tally.runs % PAIR_EACH == PAIR_EACH - 1 && may_go_on(plan, tally) {
                self.pair(tally);
            }
            if may_go_on(plan, tally) {
                self.single(part, tally);
            }
        }
    }

    /// All instructions of all cases, in an order left to chance, so that any part of them is a sample.
    fn singles(&mut self, begun: &[(usize, usize)], only: Option<usize>) -> Vec<Part> {
        let mut singles = Vec::new();
        for &(case, length) in begun {
            match (only, is_sampled(case) || LONG < length) {
                (Some(steps), _) => singles.push(Part { case, steps }),
                (None, false) => singles.extend((0..=length).map(|steps| Part { case, steps })),
                (None, true) => singles.extend(self.sample(case, length)),
            }
        }
        self.chance.shuffle(&mut singles);
        singles
    }

    /// Some instructions of a case. In the midst of a long copy, few: the way there is one step for each
    /// byte.
    fn sample(&mut self, case: usize, length: usize) -> Vec<Part> {
        let any: Vec<_> =
            (0..20 * SAMPLES).map(|_| Part { case, steps: self.chance.below(length as u64 + 1) as usize }).collect();
        let (near, far): (Vec<Part>, Vec<Part>) = any.into_iter().partition(|part| self.is_near(*part));
        near.into_iter().take(SAMPLES).chain(far.into_iter().take(FAR_SAMPLES)).collect()
    }

    fn single(&mut self, part: Part, tally: &mut Tally) {
        tally.runs += 1;
        for _ in 0..TRIES {
            match self.run_one(part) {
                Ok(true) => {
                    tally.covered = tally.covered.map(|covered| covered + 1);
                    return;
                }
                Ok(false) => {}
                Err(fault) => return tally.note(fault.only(format!("{}@{}", title(part.case), part.steps))),
            }
        }
        // The operation was longer once, when somebody else did something at another moment.
        tally.total = tally.total.map(|total| total - 1);
    }

    fn is_near(&self, part: Part) -> bool {
        match part.case.checked_sub(TABLE.len()) {
            None => self.field.is_near(part),
            Some(deed) => self.office.is_near(deed, part.steps),
        }
    }

    fn explore(&mut self, case: usize) -> Result<usize, Fault> {
        match case.checked_sub(TABLE.len()) {
            None => self.field.explore(case),
            Some(deed) => self.office.explore(deed),
        }
    }

    fn run_one(&mut self, part: Part) -> Result<bool, Fault> {
        match part.case.checked_sub(TABLE.len()) {
            None => self.field.run(&[part]),
            Some(deed) => self.office.run(deed, part.steps),
        }
    }

    fn pair(&mut self, tally: &mut Tally) {
        tally.runs += 1;
        self.pairs += 1;
        let parts = [self.any(Case::may_be_first), self.any(Case::may_be_second)];
        if let Err(fault) = self.field.run(&parts) {
            let at = parts.map(|part| format!("{}@{}", TABLE[part.case].title(), part.steps)).join(" with ");
            tally.note(Fault { text: format!("{at}: {}", fault.text), ..fault });
        }
    }

    /// Some instruction of a case of a kind.
    fn any(&mut self, is_meant: fn(&Case) -> bool) -> Part {
        let meant: Vec<_> = self.lengths.iter().filter(|(case, _)| is_meant(&TABLE[*case])).copied().collect();
        let (case, length) = *self.chance.one_of(&meant);
        Part { case, steps: self.chance.below(length as u64 + 1) as usize }
    }
}
