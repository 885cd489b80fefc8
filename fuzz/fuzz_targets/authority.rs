//! The authority engine: any sequence of events beside an exact solve.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    assert_eq!(linktide_core::authority::exercise(input), Ok(()));
});
