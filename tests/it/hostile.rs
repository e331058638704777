//! Hostile input: bytes, messages, memory and neighbours that mean no good, or nothing at all.
//!
//! Long runs are those of the program `fuzz`; here each of its targets runs for a moment with a seed of its
//! own, and each case that has a name has a test.

mod adder;
mod codec;
mod descriptors;
mod flood;
mod handles;
mod ipc_channel;
mod requests;

use std::fs;
use std::path::Path;

use actor_tests::chance::{Chance, effort};
use actor_tests::hostile::TARGETS;
use actor_tests::hostile::run::corpus_folder;

use crate::harness::{Method, Trial};

const FUZZ: &str = env!("CARGO_BIN_EXE_fuzz");

/// Runs a target in a program of its own, since what is wrong with it may be the end of the program.
fn run(name: &str) {
    let target = TARGETS.into_iter().find(|target| target.name == name).expect("there is such a target");
    let trial = Trial::new(&format!("fuzz {name}"), Method::Zygote);
    let (runs, seed) = (target.runs * u64::from(effort()), Chance::announced().any());
    let mut command = trial.command(Path::new(FUZZ));
    command.args([name, "--runs", &runs.to_string(), "--seed", &seed.to_string()]);
    let ended = trial.run(&mut command);
    assert!(ended.status.success(), "{}\n{}", ended.status, ended.text);
    assert!(ended.text.contains(&format!("{name}: {runs} runs")), "{}", ended.text);
    trial.assert_nothing_left();
}

#[test]
fn smoke() {
    let trial = Trial::new("fuzz --input", Method::Zygote);
    // A number where a text is due, and more than a message may have: refused, and nothing more.
    for input in ["0001", "05c1", "00dfffffffff"] {
        let ended = trial.run(trial.command(Path::new(FUZZ)).args(["decoder", "--input", input]));
        assert!(ended.status.success(), "{input}: {}", ended.text);
    }
}

#[test]
fn every_target_is_one_of_the_fuzzers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
        let program = fs::read_to_string(folder.join("fuzz_targets").join(target.name).with_extension("rs")).unwrap();
        assert!(program.contains(&format!("hostile::{}::TARGET", target.name)), "{program}");
        assert!(corpus_folder(target).read_dir().is_ok_and(|mut files| files.next().is_some()), "{}", target.name);
    }
}

#[test]
fn h_01_any_bytes_are_a_value_or_an_error() {
    run("decoder");
}

#[test]
fn h_11_any_control_message_is_read_or_refused() {
    run("control");
}

#[test]
fn whatever_a_pool_and_its_workers_tell_each_other_every_item_has_one_result() {
    run("pool");
}

#[test]
fn any_envelope_is_read() {
    run("envelope");
}

#[test]
fn whatever_is_in_shared_memory_every_operation_ends() {
    run("image");
}

#[test]
fn a_queue_does_what_a_list_does() {
    run("sequence");
}

#[test]
fn whatever_the_zygote_hears_the_node_goes_on() {
    run("socket");
}
