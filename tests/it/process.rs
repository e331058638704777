//! Processes without actors: how they begin, what they inherit, and how each of their ends looks.

mod begin;
mod ends;
mod grandchildren;
mod handle;
mod lives;
mod program;
