//! What nobody can undercut: what memory, caches and the kernel take for the least that has to be done.
//!
//! The only file here with `unsafe`: a fork without anything around it.
#![allow(unsafe_code)]

use std::hint;
use std::io::{PipeReader, Read, Write, pipe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::thread::futex;

use crate::Result;
use crate::call::{Figures, Form, middle_and_bad};
use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place, for_a_thousand};
use crate::cpu;
use crate::machine;

/// One copy in one core: whoever sends bytes has to put them somewhere.
pub(crate) struct Memcpy;

/// A word that two cores write in turn.
pub(crate) struct CacheLine;

/// Two threads that wake each other.
pub(crate) struct Futex;

/// A process that is forked by one that is small, says one word, and waits.
pub(crate) struct RawFork;

impl Contestant for Memcpy {
    fn who(&self) -> &'static str {
        "memcpy, one core"
    }

    fn place(&self) -> Place {
        Place::Limit
    }

    fn takes(&self, case: Case) -> bool {
        case.flow().is_some_and(|flow| flow.producers == 1)
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        let flow = case.flow().ok_or("it takes part in flows only")?;
        let from = vec![1u8; flow.size];
        let mut to = vec![0u8; flow.size];
        let count = effort.messages(flow, 2e10 / flow.size as f64);
        let start = Instant::now();
        for _ in 0..count {
            to.copy_from_slice(hint::black_box(&from));
            hint::black_box(&mut to);
        }
        let elapsed = start.elapsed();
        Outcome::of([count as f64 / elapsed.as_secs_f64()])
    }
}

impl Contestant for CacheLine {
    fn who(&self) -> &'static str {
        "cache line there and back"
    }

    fn place(&self) -> Place {
        Place::Limit
    }

    fn takes(&self, case: Case) -> bool {
        case == Case::CallHot
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        let mut figures = Figures::new(case, effort);
        for form in figures.forms()? {
            match form.may_spin {
                true => there_and_back(
                    &mut figures,
                    form,
                    |word, seen| {
                        while word.load(Ordering::Acquire) == seen {
                            hint::spin_loop();
                        }
                    },
                    |_| {},
                )?,
                false => figures.leave_out(),
            }
        }
        Ok(figures.outcome())
    }
}

impl Contestant for Futex {
    fn who(&self) -> &'static str {
        "futex there and back"
    }

    fn place(&self) -> Place {
        Place::Limit
    }

    fn takes(&self, case: Case) -> bool {
        case.is_call()
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        let mut figures = Figures::new(case, effort);
        for form in figures.forms()? {
            let sleep = |word: &AtomicU32, seen| {
                while word.load(Ordering::Acquire) == seen {
                    // Woken for nothing, or too late to sleep: it looks again.
                    let _ = futex::wait(word, futex::Flags::empty(), seen, None);
                }
            };
            there_and_back(&mut figures, form, sleep, |word| {
                futex::wake(word, futex::Flags::empty(), 1).expect("the word is there");
            })?;
        }
        Ok(figures.outcome())
    }
}

/// Two threads take turns with a word: even numbers are ours, odd ones theirs.
fn there_and_back(
    figures: &mut Figures,
    Form { seats, .. }: Form,
    wait: impl Fn(&AtomicU32, u32) + Sync,
    wake: impl Fn(&AtomicU32) + Sync,
) -> Result<()> {
    const END: u32 = u32::MAX;
    let word = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            cpu::stay_on(seats.there).expect("the CPU is allowed");
            let mut seen = 0;
            loop {
                wait(&word, seen);
                let asked = word.load(Ordering::Acquire);
                if asked == END {
                    return;
                }
                seen = asked + 1;
                word.store(seen, Ordering::Release);
                wake(&word);
            }
        });
        let mut number = 0;
        let taken = cpu::stay_on(seats.here).and_then(|()| {
            figures.take(|_| {
                word.store(number + 1, Ordering::Release);
                wake(&word);
                wait(&word, number + 1);
                number += 2;
                Ok(())
            })
        });
        word.store(END, Ordering::Release);
        wake(&word);
        taken
    })
}

impl Contestant for RawFork {
    fn who(&self) -> &'static str {
        "raw fork"
    }

    fn place(&self) -> Place {
        Place::Limit
    }

    fn takes(&self, case: Case) -> bool {
        matches!(case, Case::SpawnReady | Case::Spawn1000 | Case::KillToNextMessage | Case::IdleMemory)
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        let mut nursery = Nursery::new()?;
        match case {
            Case::SpawnReady => {
                let mut samples = Vec::new();
                for _ in 0..effort.spawns() {
                    let start = Instant::now();
                    let child = nursery.fork()?;
                    nursery.hear(1)?;
                    samples.push(start.elapsed());
                    end(&[child])?;
                }
                Outcome::of(middle_and_bad(samples))
            }
            Case::Spawn1000 => {
                let count = effort.thousand();
                let start = Instant::now();
                let children: Vec<Pid> = (0..count).map(|_| nursery.fork()).collect::<Result<_>>()?;
                nursery.hear(count)?;
                let time = start.elapsed();
                end(&children)?;
                Outcome::of([for_a_thousand(time, count)])
            }
            Case::KillToNextMessage => {
                let mut samples = Vec::new();
                let mut child = nursery.fork()?;
                nursery.hear(1)?;
                for _ in 0..effort.spawns() {
                    let start = Instant::now();
                    end(&[child])?;
                    child = nursery.fork()?;
                    nursery.hear(1)?;
                    samples.push(start.elapsed());
                }
                end(&[child])?;
                Outcome::of(middle_and_bad(samples))
            }
            _ => {
                let before = machine::available_kib()?;
                let children: Vec<Pid> = (0..effort.idle()).map(|_| nursery.fork()).collect::<Result<_>>()?;
                nursery.hear(effort.idle())?;
                let pids: Vec<u32> = children.iter().map(|child| child.as_raw_nonzero().get().unsigned_abs()).collect();
                let memory = machine::memory_of(&pids, before)?;
                end(&children)?;
                Outcome::of(memory)
            }
        }
    }
}

fn end(children: &[Pid]) -> Result<()> {
    children.iter().try_for_each(|&child| kill_process(child, Signal::KILL))?;
    for &child in children {
        waitpid(Some(child), WaitOptions::empty())?;
    }
    Ok(())
}

/// Where children say that they are there.
struct Nursery {
    words: PipeReader,
    theirs: std::io::PipeWriter,
}

impl Nursery {
    fn new() -> Result<Nursery> {
        let (words, theirs) = pipe()?;
        Ok(Nursery { words, theirs })
    }

    fn fork(&mut self) -> Result<Pid> {
        // SAFETY: this process has one thread (`rounds::measure` has started none), so its copy is whole.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let _ = self.theirs.write_all(b"r");
            loop {
                thread::park();
            }
        }
        Pid::from_raw(pid).filter(|_| pid > 0).ok_or_else(|| "no fork".into())
    }

    fn hear(&mut self, words: usize) -> Result<()> {
        Ok(self.words.read_exact(&mut vec![0; words])?)
    }
}
