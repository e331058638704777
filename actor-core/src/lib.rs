//! Actors that are operating-system processes.

#![allow(dead_code)]

mod id;
mod sys;
mod time;
