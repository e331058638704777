//! The target `pool` of `actor_tests::hostile`, for a fuzzer that sees what was covered.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (actor_tests::hostile::pool::TARGET.body)(data));
