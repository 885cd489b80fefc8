//! The record formats: any bytes as a chunk.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    assert_eq!(linktide_core::wire::exercise(input), Ok(()));
});
