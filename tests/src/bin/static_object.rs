//! A program with objects as C++ has them outside of functions: made before `main`, unmade at the end.
//!
//! What a compiler of C++ writes for one is an entry in a table of constructors and, once it has run, a
//! call of `atexit`. Here are two, before and behind that of the crate, as it depends on the linker.

#![allow(unsafe_code)]

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use actor_core::process::Process;

/// How often each was made in this process or in the one that it is a copy of.
static MADE: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

// SAFETY: A constructor of the form that the section is for, which calls only what may be called
// before `main`. The number puts it before those that have none, the crate's own among them.
#[unsafe(link_section = ".init_array.00101")]
#[used]
static BEFORE: extern "C" fn() = {
    extern "C" fn construct() {
        make(0);
    }
    construct
};

// SAFETY: As for the one before. Without a number it comes as late as the linker puts it.
#[unsafe(link_section = ".init_array")]
#[used]
static BEHIND: extern "C" fn() = {
    extern "C" fn construct() {
        make(1);
    }
    construct
};

fn make(object: usize) {
    MADE[object].fetch_add(1, Relaxed);
    // SAFETY: the function is one of this program, which is never unloaded.
    unsafe { libc::atexit(unmake) };
}

extern "C" fn unmake() {
    let text = b"unmade\n";
    // SAFETY: so many bytes can be read there.
    unsafe { libc::write(1, text.as_ptr().cast(), text.len()) };
}

fn made() -> [u32; 2] {
    MADE.each_ref().map(|made| made.load(Relaxed))
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("main: {:?}", made());
    let processes = [(); 2].map(|()| Process::spawn(|()| made(), ()));
    for process in processes {
        println!("process: {:?}", process?.join()?);
    }
    Ok(())
}
