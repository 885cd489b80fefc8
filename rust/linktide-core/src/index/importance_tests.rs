//! Which links matter, against all links counted anew after each batch.

use std::collections::BTreeMap;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use proptest::prelude::*;

use super::Index;
use super::page_tests::{decode_lines, empty};
use crate::graph::PairCounts;

const TRACKED: [&str; 2] = ["a.example", "b.example"];
/// Pages that link to the tracked domains, a site each three; what links to these gives them authority.
const PAGES: u8 = 9;
const HOURS_APART: i64 = 7 * 24 + 1;

#[derive(Debug, Clone, Copy)]
struct Told {
    page: u8,
    target: u8,
    is_loss: bool,
    is_followed: bool,
}

fn source(page: u8) -> String {
    format!("https://s{}.example/p{page}", page % 3)
}

fn target(target: u8) -> String {
    format!("https://{}/t{}", TRACKED[usize::from(target % 2)], target / 2)
}

/// Links among others that give page n about n in-links.
fn ground() -> String {
    let one = |page: u8, from: u8| {
        format!(
            r#"{{"event":"seen","observed_at":1700000000000,"source_url":"https://g{from}.example/","target_url":"{}"}}"#,
            source(page)
        ) + "\n"
    };
    (0..PAGES).flat_map(|page| (0..page).map(move |from| one(page, from))).collect()
}

fn line(told: Told, at: i64) -> String {
    let (event, more) = match (told.is_loss, told.is_followed) {
        (true, _) => ("lost", r#","lost_reason":"notfound""#),
        (false, true) => ("seen", r#","rel":[]"#),
        (false, false) => ("seen", r#","rel":["nofollow"]"#),
    };
    let (source, target) = (source(told.page), target(told.target));
    format!(
        r#"{{"event":"{event}","observed_at":{at},"source_url":"{source}","target_url":"{target}"{more}}}"#
    ) + "\n"
}

fn pairs_of(pairs: &PairCounts) -> BTreeMap<(u32, u32), u32> {
    pairs.iter().map(|(a, b, count)| ((a, b), count)).collect()
}

/// The least of the `count` greatest.
fn mark(mut points: Vec<f64>, count: usize) -> f64 {
    points.sort_by(|a, b| b.total_cmp(a));
    points.truncate(count);
    points.pop().unwrap_or(f64::INFINITY)
}

/// What a turn of this link is to say, by every link known.
fn matters(index: &Index, link_id: u64, is_lost: bool) -> bool {
    let link = index.links.iter().find(|link| link.link_id == link_id).unwrap();
    let domain = |page: u32| index.pages.get(page).unwrap().domain;
    let to = domain(link.ends.target_page);
    let live =
        index.links.iter().filter(|other| other.is_live_backlink() && domain(other.ends.target_page) == to);
    let mut all: Vec<_> = live.collect();
    let left =
        all.iter().filter(|other| domain(other.ends.source_page) == domain(link.ends.source_page)).count();
    if is_lost {
        assert!(!link.is_live_backlink());
        all.push(link);
    }
    let pages: Vec<f64> = all.iter().map(|other| index.page_points(other)).collect();
    let domains: BTreeMap<u32, f64> =
        all.iter().map(|other| (domain(other.ends.source_page), index.domain_points(other))).collect();
    let best = pages.len().div_ceil(100).max(5);
    let foremost = domains.len().div_ceil(10);
    let reaches = |points: f64, mark: f64| points > 0.0 && points >= mark;
    let is_foremost = reaches(index.domain_points(&link), mark(domains.into_values().collect(), foremost));
    reaches(index.page_points(&link), mark(pages, best)) || is_foremost && (!is_lost || left == 0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_link_matters_by_the_profile_of_its_target(
        events in proptest::collection::vec(
            (0..PAGES, 0u8..6, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let mut index = empty();
        index.set_tracked(&TRACKED.map(str::to_owned));
        prop_assert!(index.begin(&decode_lines(&ground(), 0, true)).is_empty());
        index.finish(Vec::new()).unwrap();
        for (number, (page, target, is_loss, is_followed)) in events.into_iter().enumerate() {
            let told = Told { page, target, is_loss, is_followed };
            // Marks are found anew each time.
            let at = 1_700_000_000_000 + (number as i64 + 1) * HOURS_APART * 3_600_000;
            prop_assert!(index.begin(&decode_lines(&line(told, at), 100 + number, true)).is_empty());
            let turns = index.finish(Vec::new()).unwrap().news.turns;
            if let Some(pairs) = index.importance.pairs() {
                prop_assert_eq!(pairs_of(pairs), pairs_of(&index.survey().0));
            }
            let Some(turns) = turns else { continue };
            let ids = turns.column_by_name("link_id").unwrap().as_primitive::<UInt64Type>();
            let changes = turns.column_by_name("change").unwrap().as_string::<i32>();
            let reasons = turns.column_by_name("lost_reason").unwrap().as_string::<i32>();
            let told = turns.column_by_name("is_important").unwrap().as_boolean();
            for row in 0..turns.num_rows() {
                let is_asked = ["lost", "unfollowed"].contains(&changes.value(row));
                let wanted = is_asked && matters(&index, ids.value(row), changes.value(row) == "lost");
                prop_assert_eq!(told.value(row), wanted, "{}", changes.value(row));
                prop_assert_eq!(reasons.is_valid(row), changes.value(row) == "lost");
            }
        }
    }
}

#[test]
fn a_link_that_lives_again_in_its_batch_does_not_matter() {
    let seen = Told { page: 8, target: 0, is_loss: false, is_followed: true };
    let lost = Told { is_loss: true, ..seen };
    for (told, wanted) in [(vec![lost], vec![true]), (vec![lost, seen], vec![false, false])] {
        let mut index = empty();
        index.set_tracked(&TRACKED.map(str::to_owned));
        index.begin(&decode_lines(&(ground() + &line(seen, 1_700_000_100_000)), 0, true));
        index.finish(Vec::new()).unwrap();
        let lines = (1i64..).zip(told).map(|(number, told)| line(told, 1_700_000_100_000 + number * 60_000));
        index.begin(&decode_lines(&lines.collect::<String>(), 1_000, true));
        let turns = index.finish(Vec::new()).unwrap().news.turns.unwrap();
        let told: Vec<bool> =
            turns.column_by_name("is_important").unwrap().as_boolean().values().iter().collect();
        assert_eq!(told, wanted);
    }
}

#[test]
fn a_domain_that_is_first_linked_between_two_passes_has_links_that_matter() {
    let mut index = empty();
    index.set_tracked(&TRACKED.map(str::to_owned));
    let of = |page: u8, target: u8, is_loss: bool| Told { page, target, is_loss, is_followed: true };
    let steps = [of(8, 0, false), of(8, 0, true), of(7, 1, false), of(7, 1, true)];
    index.begin(&decode_lines(&ground(), 0, true));
    index.finish(Vec::new()).unwrap();
    let mut told = Vec::new();
    for (minutes, step) in (1i64..).zip(steps) {
        index.begin(&decode_lines(&line(step, 1_700_000_100_000 + minutes * 60_000), 1_000, true));
        let turns = index.finish(Vec::new()).unwrap().news.turns.unwrap();
        told.push(turns.column_by_name("is_important").unwrap().as_boolean().value(0));
    }
    assert_eq!(told, [false, true, false, true]);
}
