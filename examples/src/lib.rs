//! The example programs of `actor-core`; run one with `cargo run --example NAME`.
