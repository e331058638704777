//! The target `sequence` of `actor_tests::hostile`, for a fuzzer that sees what was covered.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (actor_tests::hostile::sequence::TARGET.body)(data));
