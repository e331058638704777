//! An actor with a typed cast and a typed call, and a message as applications have them.

use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

/// A small message: 57 bytes encoded.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) account: u64,
    pub(crate) price: f64,
    pub(crate) quantity: u32,
    pub(crate) symbol: String,
}

/// 32 bytes, 37 encoded. An array of bytes would be encoded number by number, and so would take
/// longer than its way there and back.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Quote {
    bid: f64,
    ask: f64,
    low: f64,
    high: f64,
}

impl Quote {
    pub(crate) const SOME: Quote = Quote { bid: 1.25, ask: 1.5, low: 1.0, high: 1.75 };
}

/// Counts what it gets.
#[derive(Actor, Serialize, Deserialize)]
pub(crate) struct Book {
    pub(crate) quantity: u64,
}

#[handlers]
impl Book {
    #[cast]
    fn place(&mut self, order: Order) {
        self.quantity += u64::from(order.quantity);
    }

    #[call]
    fn total(&mut self) -> u64 {
        self.quantity
    }

    #[call]
    fn process(&mut self) -> u32 {
        std::process::id()
    }

    #[call]
    fn echo(&mut self, quote: Quote) -> Quote {
        quote
    }
}
