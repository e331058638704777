//! [`Known`]: the way through an operation, and where in it somebody else does something.
//!
//! The first victim of a case is led step by step to the end; the others are sent to their places on the
//! same way. Whether a victim has come to his place is told, and never assumed.

use std::io;

use crate::crash::{Fault, Kind};
use crate::steps::{Step, Stepped, Way};

/// What is known of a case.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) way: Way,
    moment: Moment,
    /// It does not come to its end but sleeps.
    pub(super) sleeps: bool,
    /// The process may come to its own end there.
    pub(super) may_end: bool,
}

/// When somebody else does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Never,
    /// Before this instruction.
    Before(usize),
    /// When the victim sleeps in this instruction.
    Asleep(usize),
}

/// So many steps take about as long as a death.
const NEAR: usize = 200;
/// More instructions than any operation has.
const STEPS_MAX: usize = 2_000_000;

impl Known {
    pub(super) fn new(moment: Moment) -> Known {
        Known { way: Way::default(), moment, sleeps: false, may_end: false }
    }

    /// How many instructions there are. One in which the victim sleeps for good is one.
    pub(super) fn steps(&self) -> usize {
        self.way.len()
    }

    /// Whether the way there needs few steps.
    pub(super) fn is_near(&self, steps: usize) -> bool {
        self.way.visits_on_the_way(steps) < NEAR
    }

    /// Leads the first victim to the end of the operation, or to where he sleeps for good.
    pub(super) fn explore(
        &mut self,
        stepped: &Stepped,
        is_over: impl Fn() -> bool,
        mut between: impl FnMut() -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        while !is_over() {
            if self.moment == Moment::Before(self.way.len()) {
                between()?;
            }
            let place = stepped.place().map_err(lost)?;
            let mut step = match stepped.step() {
                // There is nobody left to be killed after this instruction.
                Err(error) if self.may_end && is_end(&error) => return Ok(()),
                step => step.map_err(lost)?,
            };
            self.way.add(place);
            if step == Step::Asleep && self.moment == Moment::Asleep(self.way.len() - 1) {
                between()?;
                step = stepped.come_back().map_err(lost)?;
            }
            if step == Step::Asleep {
                self.sleeps = true;
                return Ok(());
            }
            Kind::Wedged.unless(self.way.len() < STEPS_MAX, || "there is no end of the operation".to_owned())?;
        }
        Ok(())
    }

    /// Leads another victim past so many instructions. False: he is not there.
    pub(super) fn lead(
        &self,
        stepped: &Stepped,
        steps: usize,
        mut between: impl FnMut() -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        match self.try_lead(stepped, steps, &mut between) {
            Err(Stray::Lost(error)) if self.may_end && is_end(&error) => Ok(false),
            Err(Stray::Lost(error)) => Err(lost(error)),
            Err(Stray::Fault(fault)) => Err(fault),
            Ok(is_there) => Ok(is_there),
        }
    }

    fn try_lead(
        &self,
        stepped: &Stepped,
        steps: usize,
        between: &mut dyn FnMut() -> Result<(), Fault>,
    ) -> Result<bool, Stray> {
        let mut made = 0;
        match self.moment {
            Moment::Before(at) if at < steps => {
                if self.way.lead(stepped, 0, at)? != Step::Made {
                    return Ok(false);
                }
                between()?;
                made = at;
            }
            Moment::Asleep(at) if at < steps => {
                if self.way.lead(stepped, 0, at + 1)? != Step::Asleep {
                    return Ok(false);
                }
                between()?;
                if stepped.come_back()? != Step::Made {
                    return Ok(false);
                }
                made = at + 1;
            }
            _ => {}
        }
        let sleeps_there = self.sleeps && steps == self.steps();
        let step = self.way.lead(stepped, made, steps)?;
        Ok(step == if sleeps_there { Step::Asleep } else { Step::Made })
    }
}

/// Why somebody is not led on.
enum Stray {
    Lost(io::Error),
    Fault(Fault),
}

impl From<io::Error> for Stray {
    fn from(error: io::Error) -> Stray {
        Stray::Lost(error)
    }
}

impl From<Fault> for Stray {
    fn from(fault: Fault) -> Stray {
        Stray::Fault(fault)
    }
}

/// Whether the process has ended; the node may have seen so already.
fn is_end(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe || matches!(error.raw_os_error(), Some(libc::ESRCH | libc::ECHILD))
}

fn lost(error: io::Error) -> Fault {
    Kind::Wedged.fault(format!("a victim cannot be led on: {error}"))
}
