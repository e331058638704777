//! A dictionary, a list and a namespace that many processes use: each is an actor, and no manager is needed.
//!
//! `cargo run --example shared_dictionary` prints
//!
//! ```text
//! {0: "zero", 1: "one", 2: "two"}
//! [2, 1, 0]
//! the unit is "mm"
//! a copy was changed: [1, 2]
//! and put back: [1, 2, 3]
//! ```

use std::collections::BTreeMap;

use actor_core::collections::{Dict, List, Namespace};
use actor_core::prelude::*;
use actor_core::process::Process;

type Shared = (ActorRef<Dict<u32, String>>, ActorRef<List<u32>>, ActorRef<Namespace>);

fn fill((dict, list, namespace): Shared) -> Result<(), String> {
    let fill = || -> actor_core::Result<()> {
        for (number, name) in (0..).zip(["zero", "one", "two"]) {
            dict.insert(number, name.to_owned()).wait()?;
        }
        list.reverse().wait()?;
        namespace.set("unit", "mm".to_owned()).wait()?;
        Ok(())
    };
    fill().map_err(|error| error.to_string())
}

fn main() -> actor_core::Result<()> {
    let (dict, list) = (Dict::new().spawn()?, List::from_iter(0..3).spawn()?);
    let namespace = Namespace::new().spawn()?;
    Process::spawn(fill, (dict, list, namespace))?.join()?.map_err(actor_core::Error::new)?;
    println!("{:?}", BTreeMap::from_iter(dict.items().wait()?));
    println!("{:?}", list.items().wait()?);
    println!("the unit is {:?}", namespace.get::<String>("unit").wait()?.unwrap_or_default());

    // ANCHOR: nested
    // What comes out is a copy: it has to be put back.
    let nested = Dict::from_iter([("numbers".to_owned(), vec![1, 2])]).spawn()?;
    let mut numbers = nested.get("numbers".into()).wait()?.unwrap_or_default();
    numbers.push(3);
    println!("a copy was changed: {:?}", nested.get("numbers".into()).wait()?.unwrap_or_default());
    nested.insert("numbers".into(), numbers).wait()?;
    println!("and put back: {:?}", nested.get("numbers".into()).wait()?.unwrap_or_default());
    // ANCHOR_END: nested
    Ok(())
}
