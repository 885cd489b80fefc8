//! The PostgreSQL endpoint: any bytes as a client, before it logged in and after.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    assert_eq!(linktide_pgwire::exercise(input), Ok(()));
});
