//! What holds for every text, however broken.

use proptest::prelude::*;

use super::tokens::tokens;
use super::{catalogue_question, parameter_types, read, split};

/// Texts that are made of what statements are made of, so that quotes and comments meet.
fn texts() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("'"),
        Just("\""),
        Just("$"),
        Just("$a$"),
        Just("--"),
        Just("/*"),
        Just("*/"),
        Just(";"),
        Just("\n"),
        Just("("),
        Just(")"),
        Just("::"),
        Just("."),
        Just("~"),
        Just("!~"),
        Just("*"),
        Just("E'"),
        Just("\\"),
        Just("pg_catalog"),
        Just("regclass"),
        Just("OPERATOR"),
        Just("COLLATE"),
        Just("COPY"),
        Just("TO STDOUT"),
        Just("DECLARE c CURSOR FOR"),
        Just("FETCH"),
        Just("SET"),
        Just("SHOW"),
        Just("ANY"),
        Just("$1"),
        Just("ä€😀"),
        Just("FORMAT"),
        Just("csv"),
        Just(","),
        Just("="),
        Just("SELECT"),
        Just(" "),
        Just("information_schema"),
    ];
    prop_oneof![proptest::collection::vec(word, 0..40).prop_map(|words| words.concat()), any::<String>()]
}

proptest! {
    #[test]
    fn tokens_stand_in_order_and_leave_out_nothing_but_space_and_comments(text in texts()) {
        let mut at = 0;
        for token in tokens(&text) {
            prop_assert!(token.start >= at);
            prop_assert_eq!(text.get(token.start..token.end()), Some(token.text));
            let gap = &text[at..token.start];
            prop_assert!(gap.trim().is_empty() || gap.contains("--") || gap.contains("/*"), "{:?}", gap);
            at = token.end();
        }
    }

    #[test]
    fn pieces_are_parts_of_the_text_without_semicolons_of_their_own(text in texts()) {
        for piece in split(&text) {
            prop_assert!(text.contains(piece));
            prop_assert!(tokens(piece).iter().all(|token| token.text != ";"));
            prop_assert_eq!(split(piece), vec![piece]);
        }
    }

    #[test]
    fn every_text_is_read_or_refused(text in texts()) {
        let _ = read(&text);
        let _ = catalogue_question(&text, "me");
        let _ = parameter_types(&text);
    }
}
