//! What `#[actor_core::main]` puts around the user's `main`.

use crate::node;

/// Lives as long as `main` runs.
#[derive(Debug)]
#[must_use = "the guard ends with `main`"]
pub struct MainGuard(());

/// The first thing that happens in a `main` with the attribute, before the user's own code.
///
/// Programs without the attribute never get here: what is set up in this function is what an
/// application wants and a library must not do on its own.
pub fn main_guard() -> MainGuard {
    node::stop_at_interrupts();
    MainGuard(())
}
