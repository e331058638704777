//! The target `log` of `actor_tests::hostile`, for a fuzzer that sees what was covered.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (actor_tests::hostile::log::TARGET.body)(data));
