//! Actors that are operating-system processes.

#![allow(dead_code)]

mod id;
mod shm;
mod sys;
mod time;
