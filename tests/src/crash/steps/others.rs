//! Two deaths: pairs of victims, and repairs in the midst of which somebody else dies.
//!
//! There are more of these than anybody can try, so each is left to chance. A fault names all parts, in
//! words that try the same once more.

use super::covered::Places;
use super::deeds::{DEEDS, Deed};
use super::field::Part;
use super::leader::{Leader, Place};
use super::nested::Stood;
use super::table::{Case, TABLE};
use super::yard::table::ROWS;
use super::{CASES, Fault, Kind, Plan, Steps, TRIES, Tally, title};
use crate::chance::Chance;

/// What begins the names of what is covered of repairs.
pub(super) const REPAIR: &str = "repair ";
/// What can be tried alone besides operations.
const PAIRS: &str = "pairs";
const REPAIRS: &str = "repairs";
/// The part of a fault that says where the repair was, and between parts.
const AT: &str = "repair@";
const AND: &str = "+";

/// Every so many interrupted repairs are gone through to the end: after another first death there are
/// other instructions.
const EXPLORED_EACH: u64 = 128;
/// Who was executed as often before is in a loop. Half of the draws are of those who were not, or there would
/// be hardly any of them.
const LOOPS: u64 = 4;

/// Instructions of a repair in the order in which they are drawn.
#[derive(Debug, Default)]
pub(super) struct Draws {
    /// Repairs that were gone through.
    pub(super) explored: u64,
    all: Vec<usize>,
    outside_of_loops: Vec<usize>,
}

impl Draws {
    /// A repair was gone through: what there is to be drawn may be more than before.
    fn refill(&mut self, places: &Places, chance: &mut Chance) {
        self.explored += 1;
        self.all = places.left();
        chance.shuffle(&mut self.all);
        let is_outside = |place: &&usize| Place(**place as u64).times() < LOOPS;
        self.outside_of_loops = self.all.iter().filter(is_outside).copied().collect();
    }

    /// A place at which nobody else has died yet. `None`: there is none that is known.
    fn draw(&mut self, places: &Places, chance: &mut Chance) -> Option<usize> {
        let drawn = if chance.once_in(2) { self.outside_of_loops.pop() } else { None };
        // It may have been drawn from the other ones meanwhile.
        let is_left = |place: &usize| !places.done.contains(place);
        drawn.filter(is_left).or_else(|| std::iter::from_fn(|| self.all.pop()).find(is_left))
    }
}

/// Whether these words mean two deaths.
pub(super) fn is_meant(only: &str) -> bool {
    only == PAIRS || only == REPAIRS || only.contains(AND)
}

impl Steps {
    /// Nothing but pairs, or interrupted repairs, or one of these.
    pub(super) fn only_others(&mut self, only: &str, plan: &Plan, tally: &mut Tally) -> Result<(), Fault> {
        if only.contains(AND) {
            return self.again(only, tally);
        }
        while (only == PAIRS || self.leader.is_some()) && plan.goes_on(tally) {
            if only == PAIRS { self.pair(tally) } else { self.nested(tally) }
        }
        Ok(())
    }

    /// What a fault has named, a few times: what lives meanwhile is left to chance.
    fn again(&mut self, only: &str, tally: &mut Tally) -> Result<(), Fault> {
        let unknown = || Kind::Wedged.fault(format!("these are no parts of two deaths: {only}"));
        let (mut parts, mut place) = (Vec::new(), None);
        for word in only.split(AND) {
            match word.strip_prefix(AT) {
                Some(at) => place = Some(at.parse::<usize>().ok()),
                None => parts.push(self.part(word)?.ok_or_else(unknown)?),
            }
        }
        for _ in 0..TRIES {
            tally.runs += 1;
            let mut leader = self.leader.take();
            let result = match (&parts[..], place, &mut leader) {
                ([_, _], None, _) => self.pair_of([parts[0], parts[1]]),
                ([first, second @ ..], Some(place), Some(leader)) if TABLE.len() <= first.case && second.len() <= 1 => {
                    self.nested_in_office(*first, second.first().copied(), place, leader)
                }
                ([_, _, _], Some(place), Some(leader)) => {
                    self.nested_in_field([parts[0], parts[1], parts[2]], place, leader)
                }
                _ => Err(unknown()),
            };
            self.leader = leader;
            result?;
        }
        Ok(())
    }

    /// The part with this name.
    fn part(&mut self, name: &str) -> Result<Option<Part>, Fault> {
        let Some((wanted, steps)) = name.split_once('@') else { return Ok(None) };
        let case = (0..CASES - ROWS.len()).find(|case| title(*case) == wanted);
        let (Some(case), Ok(steps)) = (case, steps.parse()) else { return Ok(None) };
        self.explore(case)?;
        Ok(Some(Part { case, steps }))
    }

    pub(super) fn pair(&mut self, tally: &mut Tally) {
        tally.runs += 1;
        self.pairs += 1;
        let parts = self.any(Case::may_be_first).and_then(|first| Ok([first, self.any_beside(first)?]));
        if let Err(fault) = parts.and_then(|parts| self.pair_of(parts)) {
            tally.note(fault);
        }
    }

    fn pair_of(&mut self, parts: [Part; 2]) -> Result<(), Fault> {
        self.field.run(&parts).map(drop).map_err(|fault| fault.only(names(&parts)))
    }

    /// Two deaths, the second one while the node stands at some place of the first repair.
    pub(super) fn nested(&mut self, tally: &mut Tally) {
        let Some(mut leader) = self.leader.take() else { return };
        tally.runs += 1;
        self.nested += 1;
        let result = match self.chance.once_in(4) {
            true => self.any_in_office(&mut leader),
            false => self.any_in_field(&mut leader),
        };
        result.unwrap_or_else(|fault| tally.note(fault));
        self.leader = Some(leader);
    }

    fn any_in_field(&mut self, leader: &mut Leader) -> Result<(), Fault> {
        let first = self.any(Case::may_be_repaired)?;
        let parts = [first, self.any_beside(first)?, self.any_beside(first)?];
        let place = self.any_of_repair(first.case);
        self.nested_in_field(parts, place, leader)
    }

    fn any_in_office(&mut self, leader: &mut Leader) -> Result<(), Fault> {
        let first = self.any_deed(Deed::may_be_beside)?;
        // Else it is the actor that dies.
        let second = match self.chance.once_in(2) {
            true => Some(self.any_deed(Deed::may_be_beside)?),
            false => None,
        };
        let place = self.any_of_repair(first.case);
        self.nested_in_office(first, second, place, leader)
    }

    fn nested_in_field(&mut self, parts: [Part; 3], place: Option<usize>, leader: &mut Leader) -> Result<(), Fault> {
        let stood = self.field.run_nested(parts, leader, place);
        self.count_repair(&parts, place, stood)
    }

    fn nested_in_office(
        &mut self,
        first: Part,
        second: Option<Part>,
        place: Option<usize>,
        leader: &mut Leader,
    ) -> Result<(), Fault> {
        let stood = self.office.run_nested(inside(first), second.map(inside), leader, place);
        let parts: Vec<Part> = [Some(first), second].into_iter().flatten().collect();
        self.count_repair(&parts, place, stood)
    }

    /// A place of a repair at which nobody else has died yet, or `None`: the end of it.
    fn any_of_repair(&mut self, case: usize) -> Option<usize> {
        let name = repair_after(case);
        let draws = self.draws.entry(name).or_default();
        match self.chance.once_in(EXPLORED_EACH) {
            true => None,
            false => draws.draw(self.covered.of(name), &mut self.chance),
        }
    }

    fn count_repair(&mut self, parts: &[Part], place: Option<usize>, stood: Result<Stood, Fault>) -> Result<(), Fault> {
        let at = place.map_or("end".to_owned(), |place| place.to_string());
        let stood = stood.map_err(|fault| fault.only(format!("{}{AND}{AT}{at}", names(parts))))?;
        let name = repair_after(parts[0].case);
        let places = self.covered.of(name);
        match stood {
            Stood::There => places.done.extend(place),
            // It depends on where in the operation the first death was.
            Stood::NotThere => self.missed += 1,
            Stood::AtTheEnd(way) => {
                places.wanted.extend(way.into_iter().flatten());
                self.draws.entry(name).or_default().refill(places, &mut self.chance);
            }
        }
        Ok(())
    }

    /// Some instruction of a case of a kind.
    fn any(&mut self, is_meant: fn(&Case) -> bool) -> Result<Part, Fault> {
        let meant: Vec<usize> = (0..TABLE.len()).filter(|case| is_meant(&TABLE[*case])).collect();
        self.any_part(&meant)
    }

    /// Some instruction of a case that may be tried beside this one, on the same queue.
    fn any_beside(&mut self, first: Part) -> Result<Part, Fault> {
        let sort = TABLE[first.case].sort;
        let is_meant = |case: &usize| TABLE[*case].may_be_second() && TABLE[*case].sort == sort;
        let meant: Vec<usize> = (0..TABLE.len()).filter(is_meant).collect();
        self.any_part(&meant)
    }

    fn any_deed(&mut self, is_meant: fn(&Deed) -> bool) -> Result<Part, Fault> {
        let meant = DEEDS.iter().zip(TABLE.len()..).filter(|(deed, _)| is_meant(deed));
        let meant: Vec<usize> = meant.map(|(_, case)| case).collect();
        self.any_part(&meant)
    }

    fn any_part(&mut self, meant: &[usize]) -> Result<Part, Fault> {
        let case = *self.chance.one_of(meant);
        let length = match self.lengths.get(&case) {
            Some(length) => *length,
            None => self.explore(case)?,
        };
        Ok(Part { case, steps: self.chance.below(length as u64 + 1) as usize })
    }
}

/// What the instructions of the repair after a death are called. It is the same one after any operation.
fn repair_after(case: usize) -> &'static str {
    if case < TABLE.len() { "repair of a queue" } else { "repair of a mailbox" }
}

fn names(parts: &[Part]) -> String {
    parts.iter().map(|part| format!("{}@{}", title(part.case), part.steps)).collect::<Vec<_>>().join(AND)
}

/// A part of those on mailboxes, as the office counts them.
fn inside(part: Part) -> Part {
    Part { case: part.case - TABLE.len(), ..part }
}
