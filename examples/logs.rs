//! Events of actors, heard where the program hears its own.
//!
//! `cargo run --example logs` prints
//!
//! ```text
//!  INFO order{id=7}: logs: received
//!  INFO order{id=7}:bill: logs: billed cents=1250 actor="billing" pid=4711
//!  WARN order{id=7}:bill:ship: logs: nobody is in actor="shipping" pid=4712
//!  INFO logs: and so on
//! shipping 4712 | the door is locked
//! ```

use actor_core::prelude::*;
use serde::{Deserialize, Serialize};
use tracing::{info, info_span, warn};

// ANCHOR: actors
/// Writes bills, and has what was paid for shipped.
#[derive(Actor, Serialize, Deserialize)]
#[actor(name = "billing")]
struct Billing {
    shipping: ActorRef<Shipping>,
}

#[handlers]
impl Billing {
    #[call]
    fn bill(&self, cents: u64) -> bool {
        info!(cents, "billed");
        self.shipping.ship().wait().is_ok_and(|was_shipped| was_shipped)
    }
}

#[derive(Actor, Serialize, Deserialize)]
#[actor(name = "shipping")]
struct Shipping;

#[handlers]
impl Shipping {
    #[call]
    fn ship(&self) -> bool {
        warn!("nobody is in");
        eprintln!("the door is locked");
        false
    }
}
// ANCHOR_END: actors

// ANCHOR: main
fn main() -> actor_core::Result<()> {
    // First of all, so that every process is started with somebody who listens.
    tracing_subscriber::fmt().with_ansi(false).without_time().with_max_level(tracing::Level::INFO).init();

    let shipping = Shipping.spawn()?;
    let billing = Billing { shipping }.spawn()?;
    info_span!("order", id = 7).in_scope(|| {
        info!("received");
        billing.bill(1250).wait()
    })?;
    // ANCHOR_END: main

    // What the actors have said is heard by a thread of its own, a moment later.
    // ANCHOR: counters
    while actor_core::node::counters()?.log_events < 2 {
        std::thread::yield_now();
    }
    // ANCHOR_END: counters
    info!("and so on");
    Ok(())
}
