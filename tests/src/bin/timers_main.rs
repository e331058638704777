//! A program that ends while timers of all kinds run in it.

use std::time::Duration;

use actor_core::prelude::*;
use actor_core::{Missed, Tick};

const MS: Duration = Duration::from_millis(1);

/// Has ticks and messages all the time, and says so when it is stopped.
#[derive(Actor)]
struct Busy;

#[handlers]
impl Busy {
    #[init]
    fn new(context: &mut Context<Self>) -> Result<Busy, Failure> {
        context.every(Duration::from_micros(50), Missed::Bunch).map_err(Failure::new)?;
        let me = context.actor_ref();
        me.nudge().send_every(MS, Missed::Bunch).map_err(Failure::new)?;
        me.nudge().surviving().send_after(Duration::from_secs(3600)).map_err(Failure::new)?;
        Ok(Busy)
    }

    #[cast]
    fn nudge(&mut self) {}

    #[call]
    fn is_there(&self) -> bool {
        true
    }

    #[info]
    fn tick(&mut self, _tick: Tick) {}

    #[terminate]
    fn terminate(&mut self, reason: &ExitReason) {
        println!("stopping: {reason}");
    }
}

fn main() -> actor_core::Result<()> {
    for _ in 0..3 {
        let busy = Busy::define(()).spawn()?;
        busy.nudge().send_every(MS, Missed::Skip)?;
        assert!(busy.is_there().wait()?);
    }
    Ok(())
}
