//! The normaliser against ada-url: the invariants of the policy on any bytes.
#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use linktide_core::url::{PublicSuffixList, UrlExerciser};

const SUFFIXES: &str = "com\nde\nio\nuk\nco.uk\n*.ck\n!www.ck\ngithub.io\n";

thread_local! {
    static EXERCISER: RefCell<UrlExerciser> = RefCell::new({
        let list = PublicSuffixList::parse(SUFFIXES).expect("a list");
        UrlExerciser::new(&Arc::new(list))
    });
}

fuzz_target!(|input: &[u8]| {
    EXERCISER.with_borrow_mut(|exerciser| {
        // Most random texts are no URLs: the second half of the work begins behind a host.
        for head in [&b""[..], b"http://a.com/", b"https://a.co.uk/?"] {
            let text = [head, input].concat().into_boxed_slice();
            assert_eq!(exerciser.exercise(&text), Ok(()), "{}", String::from_utf8_lossy(&text));
        }
    });
});
