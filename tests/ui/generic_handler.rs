//! Both processes have to know the type of a message.
use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Actor, Serialize, Deserialize)]
struct Counter;

#[handlers]
impl Counter {
    #[call]
    fn add<T: Message>(&mut self, value: T) -> T {
        value
    }

    #[call]
    fn show(&mut self, value: impl ToString) -> String {
        value.to_string()
    }
}

fn main() {}
