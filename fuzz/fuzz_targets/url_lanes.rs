//! The vector instructions against plain loops. The copy is as long as the bytes, so that the address
//! sanitizer sees a read behind its end.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let text = input.to_vec().into_boxed_slice();
    assert_eq!(linktide_core::url::exercise_lanes(&text), Ok(()));
});
