//! Two actors that would wait for each other: the one that closes the circle is told instead.
//!
//! `cargo run --example call_back` prints
//!
//! ```text
//! the bank asks the shop to confirm 30
//! the shop: call `balance` to `Bank` <3.1> would wait for itself: `Shop` <4.1> -> `Bank` <3.1> -> `Shop` <4.1>
//! the bank asks the shop to confirm 30
//! without a question back: paid, 70 are left
//! ```

use actor_core::prelude::*;
use serde::{Deserialize, Serialize};

// ANCHOR: bank
/// Asks the shop in the middle of a payment.
#[derive(Actor, Serialize, Deserialize)]
struct Bank {
    balance: u32,
}

#[handlers]
impl Bank {
    #[call]
    fn pay(&mut self, sum: u32, shop: ActorRef<Shop>, context: &mut Context<Self>) -> Result<u32, String> {
        println!("the bank asks the shop to confirm {sum}");
        shop.confirm(sum, context.actor_ref()).wait().map_err(|error| format!("the shop: {error}"))?;
        self.balance -= sum;
        Ok(self.balance)
    }

    #[call]
    fn balance(&self) -> u32 {
        self.balance
    }
}
// ANCHOR_END: bank

// ANCHOR: shop
/// Asks the bank back, which can answer nobody until it has the shop's answer.
#[derive(Actor, Serialize, Deserialize)]
struct Shop {
    is_careful: bool,
}

#[handlers]
impl Shop {
    #[call]
    fn confirm(&self, sum: u32, bank: ActorRef<Bank>) -> Result<(), String> {
        if self.is_careful && bank.balance().wait().map_err(|error| error.to_string())? < sum {
            return Err("there is not so much".to_owned());
        }
        Ok(())
    }
}
// ANCHOR_END: shop

fn main() -> actor_core::Result<()> {
    // ANCHOR: main
    let bank = Bank { balance: 100 }.spawn()?;
    let careful = Shop { is_careful: true }.spawn()?;
    if let Err(error) = bank.pay(30, careful).wait() {
        println!("{error}");
    }
    // ANCHOR_END: main
    let trusting = Shop { is_careful: false }.spawn()?;
    let left = bank.pay(30, trusting).wait()?;
    println!("without a question back: paid, {left} are left");
    Ok(())
}
