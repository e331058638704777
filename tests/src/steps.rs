//! [`Stepped`]: a process that is led through its program one instruction at a time.
//!
//! So a process can be killed at every step of an operation and not only where a test has thought of
//! putting a stop, and what is tested is the program that users get. The process says itself where the
//! operation begins, by [`stand_still`]. Somebody who has gone the way once, with [`Stepped::step`], can
//! send another one to a place on it at once: see `way`.
//!
//! To be used by the parent of the process, from one thread.

#![allow(unsafe_code)]

mod way;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::mem::offset_of;
use std::ptr::null_mut;
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

use crate::watch::{bound, has_state};
pub use way::Way;

/// A process that stands still between two instructions. It runs on when its leader's thread ends.
#[derive(Debug)]
pub struct Stepped {
    pid: Pid,
    /// Where it is to break, and what stands there without that; until it stands still, wherever that is.
    to_break: Cell<Option<(u64, u64)>>,
}

/// What has become of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The process stands still again, after what it was to do.
    Made,
    /// It sleeps in a system call. [`Stepped::come_back`] goes on with it.
    Asleep,
    /// It stands still by its own wish, somewhere else.
    Elsewhere,
}

/// What somebody asks of the system.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Which call it is.
    pub number: u64,
    /// Its fourth argument.
    pub fourth: u64,
}

/// Who has slept for less has not gone to sleep: it waits for something that is coming.
const NAP: Duration = Duration::from_millis(20);
/// Who is still at work after so long will not come back.
const AT_WORK_MAX: Duration = Duration::from_secs(10);

impl Stepped {
    /// Takes over a process that stands still, or will soon do so.
    ///
    /// # Errors
    /// The system does not allow it, or the process has ended.
    pub fn take_over(pid: u32) -> io::Result<Stepped> {
        if !cfg!(target_arch = "x86_64") {
            // An instruction that is stepped between an exclusive load and its store makes the store
            // fail each time: what is led never comes through.
            return Err(io::Error::new(io::ErrorKind::Unsupported, "nobody can be led on this processor"));
        }
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        let stepped = Stepped { pid, to_break: Cell::new(None) };
        stepped.request(libc::PTRACE_SEIZE, 0, 0)?;
        stepped.wait()?;
        Ok(stepped)
    }

    /// Stops a process wherever it is.
    ///
    /// # Errors
    /// The system does not allow it, or there is no such process.
    pub fn stop(pid: u32) -> io::Result<Stepped> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        let stepped = Stepped { pid, to_break: Cell::new(None) };
        stepped.request(libc::PTRACE_SEIZE, 0, 0)?;
        stepped.request(libc::PTRACE_INTERRUPT, 0, 0)?;
        stepped.wait()?;
        Ok(stepped)
    }

    /// Lets it run until it is about to make a system call, or comes back from one.
    ///
    /// # Errors
    /// It does not live any more.
    pub fn to_system_call(&self) -> io::Result<()> {
        self.request(libc::PTRACE_SYSCALL, 0, 0)?;
        self.wait_for(libc::PTRACE_SYSCALL).map(drop)
    }

    /// What it asks of the system, if it is about to.
    ///
    /// # Errors
    /// It does not stand still.
    pub fn call(&self) -> io::Result<Option<Call>> {
        let number = match self.is_at_system_call()? {
            true => self.register(ACCUMULATOR)?,
            false if self.register(ACCUMULATOR)? == NO_ANSWER_YET => self.register(NUMBER)?,
            false => return Ok(None),
        };
        Ok(Some(Call { number, fourth: self.register(FOURTH)? }))
    }

    /// Whether it is inside of a system call, at its beginning.
    ///
    /// # Errors
    /// It does not stand still.
    pub fn is_in_call(&self) -> io::Result<bool> {
        Ok(!self.is_at_system_call()? && self.register(ACCUMULATOR)? == NO_ANSWER_YET)
    }

    /// Makes it stand still before the instruction at a place whenever it comes there, or no longer. Unlike
    /// [`run_to`](Stepped::run_to) this changes nothing that other threads execute.
    ///
    /// # Errors
    /// The processor or the system cannot do it.
    pub fn stop_at(&self, place: Option<u64>) -> io::Result<()> {
        self.poke(libc::PTRACE_POKEUSER, DEBUG_CONTROL, 0)?;
        if let Some(place) = place {
            self.poke(libc::PTRACE_POKEUSER, DEBUG_ADDRESS, place)?;
            self.poke(libc::PTRACE_POKEUSER, DEBUG_CONTROL, 1)?;
        }
        Ok(())
    }

    /// Leads it no longer: it runs on by itself.
    ///
    /// # Errors
    /// It does not live any more.
    pub fn leave(self) -> io::Result<()> {
        self.request(libc::PTRACE_DETACH, 0, 0)
    }

    /// Lets it execute its next instruction. A system call is one.
    ///
    /// # Errors
    /// It does not live any more.
    pub fn step(&self) -> io::Result<Step> {
        let is_call = self.is_at_system_call()?;
        self.request(libc::PTRACE_SINGLESTEP, 0, 0)?;
        match is_call {
            true => self.come_back(),
            // The kernel tells of the step over the call first, and of the stop that was asked for in it only
            // when the next instruction is to be executed, which then is not.
            false if self.wait_for(libc::PTRACE_SINGLESTEP)? == libc::SIGSTOP => Ok(Step::Elsewhere),
            false => Ok(Step::Made),
        }
    }

    /// Gives whoever sleeps in a system call some more time. Who waits for a processor or for the disk does
    /// not sleep, however long that takes.
    ///
    /// # Errors
    /// It does not live any more.
    pub fn come_back(&self) -> io::Result<Step> {
        let begin = Instant::now();
        loop {
            let stopped = self.stopped_by(WaitIdOptions::NOHANG)?;
            if stopped.is_some() {
                self.end_break()?;
            }
            match stopped {
                Some(libc::SIGSTOP) => return Ok(Step::Elsewhere),
                Some(_) => return Ok(Step::Made),
                None if NAP <= begin.elapsed() && self.is_asleep() => return Ok(Step::Asleep),
                None if bound(AT_WORK_MAX) <= begin.elapsed() => return Ok(Step::Asleep),
                None => thread::yield_now(),
            }
        }
    }

    /// Which system call it sleeps in, with the arguments, and where in the kernel.
    #[must_use]
    pub fn sleeps_in(&self) -> String {
        let read = |name| fs::read_to_string(format!("/proc/{}/{name}", self.pid.as_raw_nonzero()));
        [read("syscall"), read("wchan")].map(Result::unwrap_or_default).join(" ").replace('\n', "")
    }

    fn is_asleep(&self) -> bool {
        let pid = self.pid.as_raw_nonzero().get().unsigned_abs();
        has_state(pid, pid, 'S')
    }

    /// Where it stands: the address of its next instruction.
    ///
    /// # Errors
    /// It does not stand still.
    pub fn place(&self) -> io::Result<u64> {
        self.register(INSTRUCTION_POINTER)
    }

    fn register(&self, at: u64) -> io::Result<u64> {
        self.peek(libc::PTRACE_PEEKUSER, at)
    }

    /// Lets it run to a place, which it stands before if it comes there. If it is asleep on the way, it will
    /// stand there when it has come back.
    ///
    /// # Errors
    /// It does not live any more.
    pub fn run_to(&self, place: u64) -> io::Result<Step> {
        let text = self.peek(libc::PTRACE_PEEKTEXT, place)?;
        self.poke(libc::PTRACE_POKETEXT, place, text & !0xff | BREAK)?;
        self.to_break.set(Some((place, text)));
        self.request(libc::PTRACE_CONT, 0, 0)?;
        self.come_back()
    }

    /// It stands still, so the break has done what it was for, or is to stop nobody later.
    fn end_break(&self) -> io::Result<()> {
        let Some((place, text)) = self.to_break.take() else { return Ok(()) };
        if self.place()? == place + 1 {
            // It has executed the break and nothing else.
            self.poke(libc::PTRACE_POKEUSER, INSTRUCTION_POINTER, place)?;
        }
        self.poke(libc::PTRACE_POKETEXT, place, text)
    }

    /// Lets it run until it stands still by its own wish.
    ///
    /// # Errors
    /// It does not live any more.
    pub fn run_on(&self) -> io::Result<()> {
        self.request(libc::PTRACE_CONT, 0, 0)?;
        self.wait()
    }

    /// Lets it run on, and waits until it stands still or sleeps.
    ///
    /// # Errors
    /// It does not live any more.
    pub fn run_for_a_while(&self) -> io::Result<Step> {
        self.request(libc::PTRACE_CONT, 0, 0)?;
        self.come_back()
    }

    /// Waits until it has done what was requested. Signals of others are none of the leader's business: it
    /// gets them, and goes on. The signal with which it stands still.
    fn wait_for(&self, request: libc::c_uint) -> io::Result<i32> {
        loop {
            match self.stopped_by(WaitIdOptions::empty())? {
                Some(signal @ (libc::SIGTRAP | libc::SIGSTOP)) => return Ok(signal),
                Some(signal) => self.request(request, 0, signal as usize)?,
                None => {}
            }
        }
    }

    /// Waits until it stands still. Who reaps it at its end is somebody else.
    fn wait(&self) -> io::Result<()> {
        while self.stopped_by(WaitIdOptions::empty())?.is_none() {}
        Ok(())
    }

    /// The signal with which it stands still.
    fn stopped_by(&self, options: WaitIdOptions) -> io::Result<Option<i32>> {
        let options = options | WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.pid), options)? {
            Some(status) if status.exited() || status.killed() || status.dumped() => {
                Err(io::Error::new(io::ErrorKind::BrokenPipe, "the process has ended"))
            }
            // Above the signal stands what else there is to say about the stop.
            Some(status) => Ok(status.trapping_signal().or(status.stopping_signal()).map(|signal| signal & 0x7f)),
            None => Ok(None),
        }
    }

    fn is_at_system_call(&self) -> io::Result<bool> {
        thread_local! {
            /// What is known of places in programs; all that are led have the same one.
            static KNOWN: RefCell<HashMap<u64, bool>> = RefCell::default();
        }
        let at = self.place()?;
        KNOWN.with_borrow_mut(|known| {
            if let Some(is_call) = known.get(&at) {
                return Ok(*is_call);
            }
            let is_call = self.peek(libc::PTRACE_PEEKTEXT, at)? as u16 == SYSTEM_CALL;
            known.insert(at, is_call);
            Ok(is_call)
        })
    }

    fn peek(&self, request: libc::c_uint, at: u64) -> io::Result<u64> {
        let mut word = 0_u64;
        let pid = self.pid.as_raw_nonzero().get();
        // Unlike the function of the C library, the system call writes the word through its last argument.
        // SAFETY: Both requests write one word there, which is ours, and change nothing in the process.
        let result = unsafe { libc::syscall(libc::SYS_ptrace, request, pid, at, std::ptr::from_mut(&mut word)) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(word) }
    }

    /// Writes a word of the process's own memory or of its registers.
    fn poke(&self, request: libc::c_uint, at: u64, word: u64) -> io::Result<()> {
        self.request(request, at as usize, word as usize)
    }

    fn request(&self, request: libc::c_uint, address: usize, data: usize) -> io::Result<()> {
        let pid = self.pid.as_raw_nonzero().get();
        let [address, data] = [address, data].map(|word| null_mut::<libc::c_void>().wrapping_byte_add(word));
        // SAFETY: None of the requests reads or writes memory of the caller: address and data are numbers,
        // of a place in the process that is led and of what is to be there; elsewhere they are zero.
        match unsafe { libc::ptrace(request, pid, address, data) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

/// Where the kernel keeps the address of the next instruction, among the registers of a process.
const INSTRUCTION_POINTER: u64 = 16 * 8;
/// Where it keeps the number of a system call: of one that is under way apart, for its answer comes there.
const ACCUMULATOR: u64 = 10 * 8;
const NUMBER: u64 = 15 * 8;
const FOURTH: u64 = 7 * 8;
/// The first place at which the processor is to stop, and which of these there are.
const DEBUG_ADDRESS: u64 = offset_of!(libc::user, u_debugreg) as u64;
const DEBUG_CONTROL: u64 = DEBUG_ADDRESS + 7 * 8;
/// What stands in the place of the answer until there is one.
const NO_ANSWER_YET: u64 = -libc::ENOSYS as i64 as u64;
/// `0f 05`
const SYSTEM_CALL: u16 = 0x050f;
/// The instruction of one byte that stops whoever executes it.
const BREAK: u64 = 0xcc;

/// Stands still until somebody has taken this thread over and leads it on.
pub fn stand_still() {
    // SAFETY: The signal stops this process and does nothing else.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// Keeps this process, and those that it starts from now on, on one processor: a step is a change from
/// leader to led and back, which is fastest without waking another one.
///
/// # Errors
/// The system does not allow it.
pub fn stay_on_one_processor() -> io::Result<()> {
    let mut one = CpuSet::new();
    one.set(sched_getcpu());
    Ok(sched_setaffinity(None, &one)?)
}
