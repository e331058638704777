//! The role before `main`, and functions by their distance from the start of the executable.
//!
//! A constructor of the executable looks for the variable that a node sets when it starts a
//! process. In any other process it returns, and that is all that this crate does there. In ours it
//! does what the runtime would have done, lets the constructors run that come after it, because
//! libraries of other languages depend on theirs, and becomes what it is to be. It never returns,
//! so user code in `main` runs once: in the node.
//!
//! Processes of one build send each other functions as distances, checked at both ends to lie in
//! the executable's code.

#![allow(unsafe_code)]

use std::ffi::{c_char, c_int};
use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::role::{Role, VARIABLE};
use super::{Order, child, guard, zygote};
use crate::id::Participant;
use crate::shm::segment::{self, Segment};
use crate::sys::exec::FIRST_PASSED;
use crate::sys::name::Title;
use crate::sys::{Signal, descriptor, environment, exec, image, process, signal};

/// What an entry function gets.
pub(crate) struct Start {
    pub(crate) segment: &'static Segment,
    pub(crate) me: Participant,
    pub(crate) order: Order,
}

/// A function with which a process begins. The process ends when it returns.
pub(crate) type Entry = Function<Start, ()>;

/// A function of the executable as plain data, the same in all processes of a node.
///
/// A value comes from [`of`](Function::of) or from another process of the same build, through
/// memory that only such processes can write. That is what makes [`get`](Function::get) sound: the
/// distance was once taken from a function of exactly this type.
#[derive(Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub(crate) struct Function<A, R> {
    offset: u64,
    #[serde(skip)]
    signature: PhantomData<fn(A) -> R>,
}

impl<A, R> Function<A, R> {
    /// `None` if the function is not the executable's, but that of a library that was loaded.
    pub(crate) fn of(function: fn(A) -> R) -> Option<Function<A, R>> {
        let offset = image::executable().offset_of(function as usize)?;
        Some(Function { offset, signature: PhantomData })
    }

    /// The function in this process, `None` if no code is there.
    pub(crate) fn get(self) -> Option<fn(A) -> R> {
        let address = image::executable().address_of(self.offset)? as *const ();
        // SAFETY: The address lies in the executable's code, checked above, and is the start of a
        // function of this type by the type's rule.
        Some(unsafe { std::mem::transmute::<*const (), fn(A) -> R>(address) })
    }
}

impl<A, R> Clone for Function<A, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, R> Copy for Function<A, R> {}

impl<A, R> PartialEq for Function<A, R> {
    fn eq(&self, other: &Self) -> bool {
        self.offset == other.offset
    }
}

impl<A, R> fmt::Debug for Function<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({:#x})", self.offset)
    }
}

/// Whether processes can be started from here: the hook has run, and as part of the executable. It
/// has not if this crate is in a library that was loaded, because then its code would not be in
/// the new process.
pub(crate) fn is_armed() -> bool {
    HOOK_HAS_RUN.load(Ordering::Relaxed) && image::executable().offset_of(before_main as *const () as usize).is_some()
}

static HOOK_HAS_RUN: AtomicBool = AtomicBool::new(false);

type Constructor = extern "C" fn(c_int, *const *const c_char, *const *const c_char);

// The plain section and not one with a priority: with one, std does not know its arguments yet.
#[used]
#[unsafe(link_section = ".init_array")]
static HOOK: Constructor = before_main;

extern "C" fn before_main(count: c_int, arguments: *const *const c_char, variables: *const *const c_char) {
    HOOK_HAS_RUN.store(true, Ordering::Relaxed);
    // SAFETY: Constructors of the executable run one after the other on the only thread; a library
    // that has started one from its own constructor would have to be changing variables by now.
    let Some(text) = (unsafe { environment::take(VARIABLE) }) else { return };
    // The variable may be anybody's: without a segment under the number it means nothing.
    let Some(role) = text.to_str().and_then(Role::from_text) else { return };
    let number = FIRST_PASSED;
    // SAFETY: The number is borrowed for a question that an unused number answers with an error.
    if !segment::is_segment(unsafe { BorrowedFd::borrow_raw(number) }) {
        return;
    }
    let born = Newborn::new(&role).unwrap_or_else(|error| refuse(&error));
    run_later_constructors(count, arguments, variables);
    if let Err(error) = signal::reset() {
        refuse(&error.into());
    }
    match role {
        Role::Zygote { directory, .. } => zygote::run(born, directory),
        Role::Actor { participant } => child::run(born.segment, participant, born.title),
    }
}

/// What a process of ours has at its start.
pub(super) struct Newborn {
    pub(super) segment: Segment,
    /// A zygote's socket to say its name.
    pub(super) announce: Option<OwnedFd>,
    /// The node's control group, for a zygote.
    pub(super) cgroup: Option<OwnedFd>,
    pub(super) title: Option<Title>,
}

impl Newborn {
    fn new(role: &Role) -> std::io::Result<Newborn> {
        // It fails if the node has made this process a leader, which is as good.
        let _ = process::new_session();
        let mut numbers: Vec<RawFd> = (FIRST_PASSED..FIRST_PASSED + passed(role)).collect();
        // SAFETY: Passed by the node under these numbers, and adopted nowhere else.
        let adopt = |number: RawFd| unsafe { descriptor::adopt(number) };
        let (memory, bell) = (adopt(numbers[0])?, adopt(numbers[1])?);
        let announce = numbers.get(2).map(|number| adopt(*number)).transpose()?;
        let cgroup = numbers.get(3).map(|number| adopt(*number)).transpose()?;
        if !exec::closes_others() {
            numbers.extend([0, 1, 2]);
            // SAFETY: This process has opened nothing that the constructors so far have not, and
            // it owns only what it keeps.
            unsafe { descriptor::close_all_but(&mut numbers)? };
        }
        // The bell stays open as long as the process does.
        let segment = Segment::inspect(memory, bell.into_raw_fd())?;
        guard::stay_with(segment.node_pid(), Signal::KILL);
        // SAFETY: The arguments are ours: `main`, which could hold references, is never reached.
        let title = unsafe { Title::find() };
        Ok(Newborn { segment, announce, cgroup, title })
    }
}

/// How many descriptors a process of this role is passed: segment, bell, and a zygote's socket and
/// control group.
fn passed(role: &Role) -> RawFd {
    match role {
        Role::Zygote { has_cgroup: true, .. } => 4,
        Role::Zygote { has_cgroup: false, .. } => 3,
        Role::Actor { .. } => 2,
    }
}

/// Calls the guard whenever the process is told to continue. For the zygote.
pub(super) fn install_guard() -> std::io::Result<()> {
    // SAFETY: The function makes system calls, reads atomics, and does nothing else.
    Ok(unsafe { signal::handle(Signal::CONT, guard::on_continue) }?)
}

/// Constructors of what was linked after this crate have not run yet, and code that a process
/// runs may depend on them.
fn run_later_constructors(count: c_int, arguments: *const *const c_char, variables: *const *const c_char) {
    let own = before_main as *const () as usize;
    for address in image::executable().constructors_after(own) {
        // SAFETY: An entry of the executable's array of constructors, checked to be code; each has
        // this type, is called once, in order, and with what it would have been called with.
        let constructor = unsafe { std::mem::transmute::<*const (), Constructor>(address as *const ()) };
        constructor(count, arguments, variables);
    }
}

/// Ends a process that cannot become what it is to be.
fn refuse(error: &std::io::Error) -> ! {
    eprintln!("actor-core: a process could not be started: {error}");
    process::exit_now(1)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    /// A constructor that comes after the hook, or before it: where the linker puts it.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static OTHER: Constructor = count_call;

    pub(in crate::boot) static OTHER_CALLS: AtomicU32 = AtomicU32::new(0);

    extern "C" fn count_call(_: c_int, _: *const *const c_char, _: *const *const c_char) {
        OTHER_CALLS.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn the_hook_knows_which_constructors_are_later() {
        let (own, other) = (before_main as *const () as usize, count_call as *const () as usize);
        let image = image::executable();
        let other_is_later = image.constructors_after(own).contains(&other);
        assert_ne!(other_is_later, image.constructors_after(other).contains(&own));
        assert!(image.constructors_after(0).is_empty());
        assert_eq!(OTHER_CALLS.load(Ordering::Relaxed), 1);
    }

    fn double(number: u32) -> u32 {
        2 * number
    }

    #[test]
    fn smoke() {
        assert!(is_armed());
        let function = Function::of(double).unwrap();
        assert_eq!(function.get().unwrap()(21), 42);
        let closure = Function::of(|text: String| text.len()).unwrap();
        assert_eq!(closure.get().unwrap()("four".into()), 4);
    }

    #[test]
    fn generic_functions_have_their_own_places() {
        fn describe<T: std::fmt::Debug>(value: T) -> String {
            format!("{value:?}")
        }
        assert_eq!(Function::of(describe::<u8>).unwrap().get().unwrap()(7), "7");
        assert_eq!(Function::of(describe::<&str>).unwrap().get().unwrap()("x"), "\"x\"");
    }

    #[test]
    fn what_is_no_code_is_no_function() {
        for offset in [0, 1, u64::MAX] {
            let function = Function::<u32, u32> { offset, signature: PhantomData };
            assert!(function.get().is_none(), "{offset:#x}");
        }
    }
}
