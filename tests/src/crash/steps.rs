//! Death at every instruction of every operation on queues, mailboxes, answers and whatever else is shared.
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
//! What holds of a lock, a pipe or a pool stands with it (`yard`), and comes to the same: nothing is lost,
//! doubled, torn or wedged, who comes next is told of the death, and others use it as before.
//!
//! A run is a death. In between there are pairs: two victims at places left to chance, who both die. And
//! there are repairs that are interrupted: the second one dies while the node's thread stands at some
//! instruction of the repair after the first death, and a third one lives and works on (`nested`).
//! The mode must not count an instruction as covered that nobody has died at.

mod acts;
mod aside;
mod books;
mod channel;
mod clerk;
mod covered;
mod deeds;
mod field;
pub mod images;
mod known;
mod leader;
mod nested;
mod office;
mod others;
mod scene;
mod sleeper;
mod stop;
mod table;
mod trial;
mod waiting;
mod yard;

use std::collections::BTreeMap;

use actor_core::testing::Snapshot;

use self::covered::Covered;
use self::deeds::DEEDS;
use self::field::{Field, Part, can_lead};
use self::leader::Leader;
use self::office::Office;
use self::others::{Draws, REPAIR};
use self::table::{Case, TABLE};
use self::yard::Yard;
use self::yard::table::ROWS;

use super::{Budget, Fault, Kind, Mode, Plan, Tally};
use crate::chance::Chance;
use crate::steps::stay_on_one_processor;

/// Death at every instruction.
pub const MODE: Mode = Mode {
    name: "steps",
    about: "kills at every instruction of every operation on whatever is shared; a run is a death",
    run,
    // More than there are instructions: all of them, once.
    usual: Budget::Runs(u64::MAX),
};

/// Every so many runs are of two victims, or of two and an interrupted repair.
const PAIR_EACH: u64 = 8;
const NESTED_EACH: u64 = 16;
/// Instructions of an operation on large messages, most of which copy bytes: so many of them.
const SAMPLES: usize = 200;
/// Other operations have fewer.
const LONG: usize = 20_000;
const FAR_SAMPLES: usize = 3;
/// Cases that are gone through before instructions of them are left to chance: going through takes time, too.
const AT_ONCE: usize = 8;
/// How often a place is looked for that an operation did not come to.
const TRIES: usize = 3;

/// What a mode can be told to do alone, in the words of its faults.
pub fn titles(mode: &Mode) -> Vec<String> {
    let is_meant = |case: &&Case| if mode.name == MODE.name { !case.sampled } else { case.has_images() };
    let of_queues = TABLE.iter().filter(is_meant).map(Case::title);
    let others = DEEDS.iter().map(|deed| deed.title).chain(ROWS.iter().map(|row| row.title));
    of_queues.chain(others.filter(|_| mode.name == MODE.name).map(str::to_owned)).collect()
}

fn run(plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
    let cannot = stay_on_one_processor().and_then(|()| can_lead());
    if let Err(error) = cannot {
        tally.remarks.push(format!("SKIP: nobody can be led here: {error}"));
        return Ok(());
    }
    // One step is no slice of a run.
    let is_slice = plan.only.as_ref().is_none_or(|only| !only.contains('@'));
    let path = plan.covered.as_deref().filter(|_| is_slice);
    let cannot = |error| Kind::Wedged.fault(format!("what was covered cannot be kept: {error}"));
    let covered = Covered::open(path, plan.seed).map_err(cannot)?;
    let before = Snapshot::take();
    let (field, office) = (Field::new(Chance::new(plan.seed))?, Office::new(Chance::new(plan.seed))?);
    let yard = Yard::new(Chance::new(plan.seed));
    let leader = Leader::start();
    if let Err(error) = &leader {
        tally.remarks.push(format!("SKIP: nobody can lead the node here: {error}"));
    }
    let leader = leader.ok();
    // A slice of a run is not to have the same pairs as the one before.
    let chance = Chance::new(!plan.seed ^ covered.sum(|_| true).0);
    let mut steps = Steps {
        field,
        office,
        yard,
        leader,
        covered,
        chance,
        lengths: BTreeMap::new(),
        draws: BTreeMap::new(),
        pairs: 0,
        nested: 0,
        missed: 0,
    };
    let result = steps.run(plan, tally);
    steps.report(tally);
    steps.covered.keep().map_err(cannot)?;
    result?;
    tally.kills += steps.field.kills + steps.office.kills + steps.yard.kills;
    let longest = [steps.field.recovery_max, steps.office.recovery_max, steps.yard.recovery_max];
    longest.into_iter().for_each(|time| tally.recovered_within(time));
    steps.leader.into_iter().for_each(Leader::leave);
    steps.field.leave();
    steps.yard.leave();
    steps.office.leave()?;
    if tally.faults().is_empty() {
        // Whoever was found to be wedged is still there, and would be a second fault.
        before.leaks().into_iter().for_each(|leak| tally.note(Kind::Orphan.fault(leak)));
    }
    Ok(())
}

struct Steps {
    field: Field,
    office: Office,
    yard: Yard,
    /// `None`: the system does not allow it.
    leader: Option<Leader>,
    covered: Covered,
    chance: Chance,
    /// Cases that are known, and how many instructions they have.
    lengths: BTreeMap<usize, usize>,
    /// What is drawn next of each kind of repair.
    draws: BTreeMap<&'static str, Draws>,
    pairs: u64,
    nested: u64,
    missed: u64,
}

/// Where a case is tried, and its number there: first come those on queues, then those on mailboxes, then all
/// others.
enum Ground {
    Field(usize),
    Office(usize),
    Yard(usize),
}

const CASES: usize = TABLE.len() + DEEDS.len() + ROWS.len();

fn ground(case: usize) -> Ground {
    match (case.checked_sub(TABLE.len()), case.checked_sub(TABLE.len() + DEEDS.len())) {
        (_, Some(row)) => Ground::Yard(row),
        (Some(deed), None) => Ground::Office(deed),
        (None, None) => Ground::Field(case),
    }
}

/// What faults and command lines call a case.
fn title(case: usize) -> String {
    match ground(case) {
        Ground::Field(case) => TABLE[case].title(),
        Ground::Office(deed) => DEEDS[deed].title.to_owned(),
        Ground::Yard(row) => ROWS[row].title.to_owned(),
    }
}

fn is_sampled(case: usize) -> bool {
    TABLE.get(case).is_some_and(|row| row.sampled)
}

impl Steps {
    fn run(&mut self, plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
        let (wanted, only) = match plan.only.as_deref().map(|only| only.split_once('@').unwrap_or((only, ""))) {
            Some((title, step)) => (Some(title), step.parse::<usize>().ok()),
            None => (None, None),
        };
        if let Some(only) = plan.only.as_deref().filter(|only| others::is_meant(only)) {
            return self.only_others(only, plan, tally);
        }
        let is_wanted = |case: &usize| wanted.is_none_or(|wanted| title(*case) == wanted);
        let cases: Vec<usize> = (0..CASES).filter(is_wanted).collect();
        // In an order that slices of a run share. Those last that take long to go through even once.
        let mut order = Chance::new(plan.seed);
        let (mut sampled, mut all): (Vec<_>, Vec<_>) = cases.into_iter().partition(|case| is_sampled(*case));
        order.shuffle(&mut sampled);
        order.shuffle(&mut all);
        for cases in all.chunks(AT_ONCE).chain(sampled.chunks(1)) {
            let mut singles = Vec::new();
            for case in cases {
                singles.extend(self.begin(*case, only, plan, tally)?);
            }
            // In an order left to chance, so that any part of them is a sample.
            self.chance.shuffle(&mut singles);
            self.run_all(singles, wanted.is_none(), plan, tally);
        }
        while wanted.is_none() && matches!(plan.budget, Budget::Time(_)) && plan.goes_on(tally) {
            self.pair(tally);
            self.nested(tally);
        }
        Ok(())
    }

    /// Goes through an operation once, and gives the instructions of it at which nobody has died yet.
    fn begin(&mut self, case: usize, only: Option<usize>, plan: &Plan, tally: &mut Tally) -> Result<Vec<Part>, Fault> {
        let title = title(case);
        if self.covered.of(&title).is_complete() {
            tally.remarks.push(format!("{title:<52} complete"));
            return Ok(Vec::new());
        }
        if !plan.goes_on(tally) {
            tally.remarks.push(format!("{title:<52} not begun"));
            return Ok(Vec::new());
        }
        let length = self.explore(case).map_err(|fault| fault.only(&title))?;
        tally.remarks.push(format!("{title:<52} {length} instructions"));
        let wanted = match (only, is_sampled(case) || LONG < length) {
            (Some(step), _) => vec![step],
            (None, false) => (0..=length).collect(),
            (None, true) => self.sample(case, length),
        };
        let places = self.covered.of(&title);
        if places.wanted.is_empty() {
            places.wanted.extend(wanted);
        }
        Ok(places.left().into_iter().map(|steps| Part { case, steps }).collect())
    }

    fn run_all(&mut self, singles: Vec<Part>, with_others: bool, plan: &Plan, tally: &mut Tally) {
        for part in singles {
            if with_others && tally.runs % PAIR_EACH == PAIR_EACH - 1 && plan.goes_on(tally) {
                self.pair(tally);
            }
            if with_others && tally.runs % NESTED_EACH == NESTED_EACH - 2 && plan.goes_on(tally) {
                self.nested(tally);
            }
            if plan.goes_on(tally) {
                self.single(part, tally);
            }
        }
    }

    /// Some instructions of a case. In the midst of a long copy, few: the way there is one step for each
    /// byte.
    fn sample(&mut self, case: usize, length: usize) -> Vec<usize> {
        let any: Vec<_> = (0..20 * SAMPLES).map(|_| self.chance.below(length as u64 + 1) as usize).collect();
        let (near, far): (Vec<_>, Vec<_>) =
            any.into_iter().partition(|steps| self.is_near(Part { case, steps: *steps }));
        near.into_iter().take(SAMPLES).chain(far.into_iter().take(FAR_SAMPLES)).collect()
    }

    fn single(&mut self, part: Part, tally: &mut Tally) {
        tally.runs += 1;
        let title = title(part.case);
        for _ in 0..TRIES {
            match self.run_one(part) {
                Ok(true) => {
                    self.covered.of(&title).done.insert(part.steps);
                    return;
                }
                Ok(false) => {}
                Err(fault) => return tally.note(fault.only(format!("{title}@{}", part.steps))),
            }
        }
        // The operation was longer once, when somebody else did something at another moment.
        self.covered.of(&title).gone.insert(part.steps);
    }

    /// What was covered, by this run and by those that it goes on from.
    fn report(&self, tally: &mut Tally) {
        let (covered, total) = self.covered.sum(|title| !title.starts_with(REPAIR));
        (tally.covered, tally.total) = (Some(covered), Some(total));
        let gone = self.covered.gone();
        tally.remarks.push(format!("gone        {gone} instructions that an operation came to once, and not again"));
        tally.remarks.push(format!("pairs       {}", self.pairs));
        let (covered, total) = self.covered.sum(|title| title.starts_with(REPAIR));
        let (nested, missed) = (self.nested, self.missed);
        let explored: u64 = self.draws.values().map(|draws| draws.explored).sum();
        let nested = format!("{nested}, {missed} at the end, {explored} gone through");
        tally.remarks.push(format!("in repairs  {nested}; at {covered} of {total} instructions that repairs had"));
    }

    fn is_near(&self, part: Part) -> bool {
        match ground(part.case) {
            Ground::Field(_) => self.field.is_near(part),
            Ground::Office(deed) => self.office.is_near(deed, part.steps),
            Ground::Yard(row) => self.yard.is_near(row, part.steps),
        }
    }

    fn explore(&mut self, case: usize) -> Result<usize, Fault> {
        let length = match ground(case) {
            Ground::Field(case) => self.field.explore(case),
            Ground::Office(deed) => self.office.explore(deed),
            Ground::Yard(row) => self.yard.explore(row),
        }?;
        self.lengths.insert(case, length);
        Ok(length)
    }

    fn run_one(&mut self, part: Part) -> Result<bool, Fault> {
        match ground(part.case) {
            Ground::Field(_) => self.field.run(&[part]),
            Ground::Office(deed) => self.office.run(deed, part.steps),
            Ground::Yard(row) => self.yard.run(row, part.steps),
        }
    }
}
