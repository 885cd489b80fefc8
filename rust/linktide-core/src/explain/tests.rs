use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use proptest::prelude::*;

use super::*;
use crate::links::flow::RelWeights;
use crate::url::key;

const SEED: u64 = 7;
const ALPHA: f64 = 0.85;
const DOMAINS: u8 = 9;
const WEIGHTS: RelWeights = RelWeights { nofollow: 0.2, ugc: 0.5, sponsored: 0.0 };

/// (source domain, its page, target domain, rel, link type); one link for each pair of pages.
type Links = BTreeMap<(u8, u8, u8), (Option<&'static str>, Option<&'static str>)>;

fn name(domain: u8) -> String {
    format!("d{domain}.example")
}

fn domain_key(domain: u8) -> u64 {
    key(SEED, name(domain).as_bytes())
}

fn links() -> impl Strategy<Value = Links> {
    let rels =
        prop::sample::select(vec![None, None, Some(""), Some("nofollow"), Some("ugc"), Some("sponsored")]);
    let types = vec![None, None, None, None, Some("text"), Some("form"), Some("rss"), Some("redirect")];
    let one = ((0..DOMAINS, 0u8..3, 0..DOMAINS), (rels, prop::sample::select(types)));
    prop::collection::btree_map(one.0, one.1, 0..60)
}

fn batch_of<'a>(
    links: impl Iterator<Item = (&'a (u8, u8, u8), &'a (Option<&'static str>, Option<&'static str>))>,
) -> RecordBatch {
    let rows: Vec<_> = links.collect();
    let keys = |of: &dyn Fn(&(u8, u8, u8)) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|(ends, _)| of(ends))))
    };
    let texts = |at: usize| -> ArrayRef {
        let value = |(_, (rel, kind)): &(_, &(Option<&'static str>, Option<&'static str>))| {
            if at == 0 { *rel } else { *kind }
        };
        Arc::new(rows.iter().map(value).collect::<StringArray>())
    };
    RecordBatch::try_from_iter_with_nullable([
        ("source_key", keys(&|&(source, page, _)| u64::from(source) << 8 | u64::from(page)), false),
        ("s_dom_key", keys(&|&(source, _, _)| domain_key(source)), false),
        ("t_dom_key", keys(&|&(_, _, target)| domain_key(target)), false),
        ("rel", texts(0), true),
        ("link_type", texts(1), true),
    ])
    .unwrap()
}

fn web_of(batches: &[RecordBatch], priors: &BTreeMap<u8, f64>) -> SolvedWeb {
    let mut web = DomainWeb::new(WebOptions { seed: SEED, alpha: ALPHA, rel_weights: WEIGHTS });
    let names = || (0..DOMAINS).map(name);
    let domains = RecordBatch::try_from_iter([
        ("domain_key", Arc::new(UInt64Array::from_iter_values((0..DOMAINS).map(domain_key))) as ArrayRef),
        ("domain_name", Arc::new(StringArray::from_iter_values(names())) as ArrayRef),
    ]);
    web.take_domains(&domains.unwrap()).unwrap();
    let priors = RecordBatch::try_from_iter([
        (
            "domain_name",
            Arc::new(StringArray::from_iter_values(priors.keys().map(|&domain| name(domain)))) as ArrayRef,
        ),
        ("prior", Arc::new(Float64Array::from_iter_values(priors.values().copied())) as ArrayRef),
    ]);
    web.take_priors(&priors.unwrap()).unwrap();
    for batch in batches {
        web.take_links(batch).unwrap();
    }
    web.solve().unwrap()
}

fn solved(links: &Links, priors: &BTreeMap<u8, f64>) -> SolvedWeb {
    web_of(&[batch_of(links.iter())], priors)
}

fn standing(web: &SolvedWeb, domain: u8) -> Standing {
    web.standing(&name(domain)).unwrap()
}

/// The edges by the rules in words: a page with a live redirect passes by redirects alone.
fn edges(links: &Links) -> BTreeMap<(u8, u8), f64> {
    let sole: BTreeSet<(u8, u8)> = links
        .iter()
        .filter(|(_, (_, kind))| *kind == Some("redirect"))
        .map(|(&(source, page, _), _)| (source, page))
        .collect();
    let mut edges = BTreeMap::new();
    for (&(source, page, target), (rel, kind)) in links {
        let weight = match (kind, rel) {
            (Some("redirect"), _) => 1.0,
            (Some("form" | "rss"), _) | (_, Some("sponsored")) => 0.0,
            _ if sole.contains(&(source, page)) => 0.0,
            (_, Some("nofollow")) => 0.2,
            (_, Some("ugc")) => 0.5,
            _ => 1.0,
        };
        if source != target && weight > 0.0 {
            let edge: &mut f64 = edges.entry((source, target)).or_default();
            *edge = edge.max(weight);
        }
    }
    edges
}

fn brute_force(edges: &BTreeMap<(u8, u8), f64>, priors: &BTreeMap<u8, f64>) -> Vec<f64> {
    let prior = |domain: u8| priors.get(&domain).copied().unwrap_or(0.15);
    let total =
        |of: u8| edges.iter().filter(|((source, _), _)| *source == of).map(|(_, weight)| weight).sum::<f64>();
    let totals: Vec<f64> = (0..DOMAINS).map(total).collect();
    let mut x: Vec<f64> = (0..DOMAINS).map(prior).collect();
    for _ in 0..400 {
        let mut next: Vec<f64> = (0..DOMAINS).map(prior).collect();
        for (&(source, target), weight) in edges {
            next[usize::from(target)] +=
                ALPHA * x[usize::from(source)] * weight / totals[usize::from(source)];
        }
        x = next;
    }
    x
}

fn priors() -> impl Strategy<Value = BTreeMap<u8, f64>> {
    prop::collection::btree_map(0..DOMAINS, 0.15f64..50.0, 0..4)
}

proptest! {
    #[test]
    fn a_web_is_the_exact_solution_of_its_links(links in links(), priors in priors(), cut in 0usize..60) {
        let x = brute_force(&edges(&links), &priors);
        let cut = cut.min(links.len());
        // In two batches and backwards: redirects may come after what they silence.
        let (head, tail) = (links.iter().take(cut), links.iter().skip(cut));
        for batches in [vec![batch_of(links.iter())], vec![batch_of(tail), batch_of(head)]] {
            let web = web_of(&batches, &priors);
            for domain in 0..DOMAINS {
                let found = standing(&web, domain);
                let wanted = x[usize::from(domain)];
                prop_assert!((found.citation - wanted).abs() <= 1e-11 * wanted.max(1.0), "{domain}: {found:?} {wanted}");
                let sources = edges(&links).keys().filter(|(_, target)| *target == domain).count();
                prop_assert_eq!(found.in_links.len(), sources);
            }
        }
    }

    #[test]
    fn the_parts_add_up_to_the_change(
        (before, after) in (links(), links()), (old, new) in (priors(), priors()), shared in links(),
    ) {
        let merged = |mut links: Links| { links.extend(shared.clone()); links };
        let (before, after) = (solved(&merged(before), &old), solved(&merged(after), &new));
        for domain in 0..DOMAINS {
            let change = Change::between(standing(&before, domain), standing(&after, domain));
            let sum: f64 = change.sums().iter().sum();
            let scale = change.after.citation.max(change.before.citation).max(1.0);
            prop_assert!((sum - change.total()).abs() <= 1e-12 * scale, "{} {}", sum, change.total());
            let rows: f64 = change.rows.iter().map(ChangeRow::change).sum();
            prop_assert!((rows - change.total()).abs() <= 1e-12 * scale);
            for row in &change.rows {
                let passed = |link: &Option<InLink>| link.as_ref().map_or(0.0, |link| link.passed(ALPHA));
                let wanted = passed(&row.after) - passed(&row.before) + row.parts[5];
                prop_assert!((row.change() - wanted).abs() <= 1e-13 * scale);
                let is_there = [row.before.is_some(), row.after.is_some()];
                prop_assert_eq!(row.parts[0] != 0.0, is_there == [false, true]);
                prop_assert_eq!(row.parts[1] != 0.0, is_there == [true, false]);
            }
            let table = change.table().unwrap();
            prop_assert_eq!(table.num_rows(), change.rows.len());
            let back = Change::between(change.after.clone(), change.before.clone());
            prop_assert!((back.total() + change.total()).abs() <= 1e-12 * scale);
        }
    }

    #[test]
    fn a_what_if_is_what_becomes_of_it(
        links in links(), priors in priors(), domain in 0..DOMAINS,
        named in prop::collection::btree_map(0..DOMAINS, any::<bool>(), 0..6),
    ) {
        let mut named = named;
        named.remove(&domain);
        let chosen = |is_gained: bool| -> Vec<String> {
            named.iter().filter(|(_, gained)| **gained == is_gained).map(|(&one, _)| name(one)).collect()
        };
        let answer = solved(&links, &priors).what_if(&name(domain), &chosen(true), &chosen(false)).unwrap();
        let mut wanted = edges(&links);
        for (&source, &is_gained) in &named {
            if is_gained { wanted.insert((source, domain), 1.0); } else { wanted.remove(&(source, domain)); }
        }
        let (was, is) = (brute_force(&edges(&links), &priors), brute_force(&wanted, &priors));
        let scale = is[usize::from(domain)].max(1.0);
        prop_assert!((answer.before.citation - was[usize::from(domain)]).abs() <= 1e-11 * scale);
        prop_assert!((answer.after.citation - is[usize::from(domain)]).abs() <= 1e-11 * scale);
        let error = answer.exact() - answer.first_order();
        prop_assert!(error.abs() <= answer.error_bound() + 1e-11 * scale, "{} {}", error, answer.error_bound());
        prop_assert_eq!(answer.rows.len(), named.len());
        prop_assert_eq!(answer.table().unwrap().num_rows(), named.len());
    }
}

#[test]
fn each_part_is_told_apart() {
    let link = |ends, rel| (ends, (rel, None));
    let before: Links = [
        link((1, 0, 0), None),
        link((2, 0, 0), None),
        link((3, 0, 0), Some("ugc")),
        link((4, 0, 0), None),
        link((3, 0, 8), None),
    ]
    .into();
    // 1 goes, 5 comes, 2 links to one more, 3 is followed now, 6 lifts 4.
    let after: Links = [
        link((2, 0, 0), None),
        link((2, 0, 7), None),
        link((3, 0, 0), None),
        link((3, 0, 8), None),
        link((4, 0, 0), None),
        link((5, 0, 0), None),
        link((6, 0, 4), None),
    ]
    .into();
    let (none, some) = (BTreeMap::new(), BTreeMap::from([(0, 0.25)]));
    let change = Change::between(standing(&solved(&before, &none), 0), standing(&solved(&after, &some), 0));
    let by_source = |domain: u8| {
        let row = change.rows.iter().find(|row| row.source.as_deref() == Some(&name(domain)));
        row.unwrap().parts
    };
    let near = |parts: [f64; 6], wanted: [f64; 6]| {
        assert!(parts.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{parts:?} {wanted:?}");
    };
    let passed = 0.85 * 0.15;
    near(by_source(1), [0.0, -passed, 0.0, 0.0, 0.0, 0.0]);
    near(by_source(5), [passed, 0.0, 0.0, 0.0, 0.0, 0.0]);
    near(by_source(2), [0.0, 0.0, 0.0, -passed / 2.0, 0.0, 0.0]);
    near(by_source(4), [0.0, 0.0, 0.85 * passed, 0.0, 0.0, 0.0]);
    let (dilution, reweighted) = (0.75 * (0.5 - 1.0 / 1.5), 0.5 * f64::midpoint(0.5, 1.0 / 1.5));
    near(by_source(3), [0.0, 0.0, 0.0, passed * dilution, passed * reweighted, 0.0]);
    let own = change.rows.iter().find(|row| row.source.is_none()).unwrap();
    near(own.parts, [0.0, 0.0, 0.0, 0.0, 0.0, 0.1]);
    assert!(change.rows.windows(2).all(|pair| pair[0].change().abs() >= pair[1].change().abs()));
}

#[test]
fn what_cannot_be_asked_is_refused_by_name() {
    let web = solved(&[((1, 0, 0), (None, None))].into(), &BTreeMap::new());
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let asked = |domain: &str, gained: &[&str], lost: &[&str]| {
        web.what_if(domain, &list(gained), &list(lost)).map_err(|error| error.to_string())
    };
    assert!(asked("nobody.example", &[], &[]).unwrap_err().contains("\"nobody.example\""));
    assert!(asked("d0.example", &["d0.example"], &[]).unwrap_err().contains("itself"));
    assert!(asked("d0.example", &["d1.example"], &["d1.example"]).unwrap_err().contains("among the lost"));
    let answer = asked("d0.example", &["new.example", "new.example"], &["d5.example"]).unwrap();
    assert_eq!(answer.rows.len(), 2);
    assert!(!answer.rows[0].is_known && answer.rows[1].is_known);
    assert!((answer.exact() - 0.85 * 0.15).abs() < 1e-12 && answer.rows[1].contribution(ALPHA) == 0.0);
    assert!(web.standing("nobody.example").is_none());
}
