//! A bounded number of the fuzzer's cases.

use proptest::prelude::*;

use crate::authority::exercise;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_sequence_of_events_agrees_with_the_exact_solve(input in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(exercise(&input), Ok(()));
    }
}
