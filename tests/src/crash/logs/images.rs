//! Every state of a ring that logging passes through, read as the node reads it.
//!
//! What lies in shared memory before an instruction is what a death there leaves behind, and to read a ring
//! changes nothing in it. So a victim is led from instruction to instruction, and before each of them its ring must
//! hold whole events in their order: all that it knows to have logged, and at most the one that it is at. Whoever
//! else would read is kept from it.

use std::sync::atomic::Ordering::Relaxed;

use actor_core::testing::raw;

use super::{Case, SAID, Trials, WHO, check, lock, text};
use crate::crash::{Fault, Kind, Tally};
use crate::watch::wait_for;

impl Trials {
    /// Each of these cases once. A state that is wrong is the last one that is looked at.
    pub(super) fn images<'a>(&self, cases: impl Iterator<Item = &'a Case>, tally: &mut Tally) -> Result<(), Fault> {
        let mut images = 0;
        for case in cases.copied() {
            images +=
                self.images_of(case).map_err(|fault| Fault { text: format!("{case:?}: {}", fault.text), ..fault })?;
        }
        tally.remarks.push(format!("images     {images} states of a ring"));
        Ok(())
    }

    fn images_of(&self, case: Case) -> Result<usize, Fault> {
        let (victim, stepped) = self.victim(case)?;
        let who = self.notes[WHO].load(Relaxed) as u16;
        // What was said before is out of the way once it was heard and its room given back.
        let is_read = || (raw::log_left(who) == Some(Vec::new())).then_some(());
        wait_for(super::WEDGED, is_read).ok_or_else(|| Kind::Wedged.fault("what was logged is not read"))?;
        let deaf = lock();
        let (mut images, mut wrong) = (0, Ok(()));
        while wrong.is_ok() && self.lead(&stepped)? {
            images += 1;
            wrong = look(case, self.notes[SAID].load(Relaxed), raw::log_left(who))
                .map_err(|what| Kind::Torn.fault(format!("after {images} instructions {what}")));
        }
        drop(deaf);
        let pid = victim.pid();
        self.bury(victim)?;
        wrong?;
        check(case, pid, self.notes[SAID].load(Relaxed))?;
        Ok(images)
    }
}

/// What is wrong with a ring whose writer knows to have said so much.
fn look(case: Case, said: u64, left: Option<Vec<String>>) -> Result<(), String> {
    let Some(left) = left else { return Err("there is no frame that makes sense".to_owned()) };
    let known = said.saturating_sub(case.before());
    let is_all = (known..=known + 1).contains(&(left.len() as u64));
    let is_right = left.iter().zip(case.before()..).all(|(found, number)| *found == text(case, number));
    if is_all && is_right { Ok(()) } else { Err(format!("{said} events were said, and {left:?} are there")) }
}
