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
    fn echo(&mut self, text: [u8; 32]) -> [u8; 32] {
        text
    }
}
