//! One `page` event to rows: what the answer comes to, and each link it lists once.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::columns::{Columns, Row, Side};
use super::decoder::Reader;
use super::url::{Url, link_id, read_url};
use super::{Arrival, PageAnswer};
use crate::event::{AttributeField, Entry, Event, EventKind, LinkType, LossReason, Page, Rejection};
use crate::links::attribute::{Field, stronger};

/// Buffers kept between pages.
#[derive(Debug, Default)]
pub(super) struct PageScratch {
    /// The normalised targets of a page, one behind the other.
    texts: Vec<u8>,
    listed: Vec<Listed>,
    /// The hash of each link with what its entries say, as bytes.
    hashes: Vec<u8>,
    /// What is hashed of one link.
    content: Vec<u8>,
    url: Url,
}

/// One entry with its target's identity.
#[derive(Debug, Clone, Copy)]
struct Listed {
    link_id: u64,
    entry: u32,
    text: (u32, u32),
    domain: (u16, u16),
    key: u64,
    domain_key: u64,
}

/// What the answer says of the page's links.
struct Verdict<'a> {
    /// Why links that are not listed are lost, if it speaks of all.
    loss_reason: Option<LossReason>,
    /// The one link that counts in place of the entries, which do not.
    sole: Option<(&'a str, LinkType)>,
    is_listing: bool,
}

/// Judge a page event and add it to the columns with the links that it sights.
///
/// # Errors
/// The page's URL or that of an entry cannot be read; nothing is added then.
pub(super) fn take(
    reader: &mut Reader,
    columns: &mut Columns,
    arrival: Arrival,
    accepts_losses: bool,
    event: &Event<'_>,
) -> Result<(), Rejection> {
    reader.urls.read_source(&mut reader.normalizer, reader.seed, &event.source_url)?;
    let none = Page::default();
    let page = event.page.as_ref().unwrap_or(&none);
    let base = event.base.as_deref().unwrap_or(&event.source_url);
    let verdict = judge(reader, event, page, base);
    let first = columns.len();
    let raw_source = reader.urls.source.raw(&event.source_url);
    let set_id = if verdict.is_listing {
        read_entries(reader, page, base)?;
        push_entries(reader, columns, arrival, raw_source, page)
    } else {
        verdict.sole.and_then(|sole| push_sole(reader, columns, arrival, (base, raw_source), sole))
    };
    columns.pages.push(PageAnswer {
        arrival,
        page_key: reader.urls.source.key,
        page_url: reader.urls.source.as_str().into(),
        raw_url: raw_source.map(Into::into),
        loss_reason: verdict.loss_reason,
        accepts_losses,
        rows: first..columns.len(),
        set_id,
        extra: event.extra.as_deref().map(Into::into),
    });
    Ok(())
}

fn judge<'a>(reader: &mut Reader, event: &Event<'_>, page: &'a Page<'_>, base: &str) -> Verdict<'a> {
    let sole =
        |url: &'a Option<_>, link_type| url.as_ref().map(|url: &Cow<'_, str>| (url.as_ref(), link_type));
    match page.answer(event.lost_reason) {
        Some(reason) => Verdict {
            loss_reason: Some(reason),
            sole: sole(&page.redirect_target, LinkType::Redirect)
                .filter(|_| reason == LossReason::PAGE_REDIRECTED),
            is_listing: false,
        },
        None if has_foreign_canonical(reader, event, page, base) => Verdict {
            loss_reason: Some(LossReason::NOT_CANONICAL),
            sole: sole(&page.canonical, LinkType::Canonical),
            is_listing: false,
        },
        None => Verdict {
            loss_reason: page.is_complete.then(|| event.lost_reason.unwrap_or_default()),
            sole: None,
            is_listing: true,
        },
    }
}

/// Whether the page names a canonical of another cluster. One that is no URL counts as none, as in browsers.
fn has_foreign_canonical(reader: &mut Reader, event: &Event<'_>, page: &Page<'_>, base: &str) -> bool {
    let Some(canonical) = page.canonical.as_deref().filter(|&url| url != event.source_url) else {
        return false;
    };
    let out = &mut reader.scratch.texts;
    out.clear();
    let Ok(canonical) = reader.normalizer.normalize(canonical.as_bytes(), Some(base), out) else {
        return false;
    };
    out.clear();
    let own = reader.normalizer.normalize(event.source_url.as_bytes(), None, out);
    own.is_ok_and(|own| own.cluster_key != canonical.cluster_key)
}

/// Find the target of every entry, sorted by link and then by place.
fn read_entries(reader: &mut Reader, page: &Page<'_>, base: &str) -> Result<(), Rejection> {
    let Reader { seed, normalizer, urls, scratch, .. } = reader;
    scratch.texts.clear();
    scratch.listed.clear();
    for (number, entry) in (0u32..).zip(&page.entries) {
        let url = &mut scratch.url;
        read_url(normalizer, *seed, "target_url", &entry.target_url, Some(base), url).map_err(
            |rejection| Rejection::new(rejection.reason, format!("links[{number}]: {}", rejection.detail)),
        )?;
        let start = scratch.texts.len() as u32;
        scratch.texts.extend_from_slice(&url.text);
        scratch.listed.push(Listed {
            link_id: link_id(*seed, urls.source.key, url.key),
            entry: number,
            text: (start, scratch.texts.len() as u32),
            domain: url.domain,
            key: url.key,
            domain_key: url.domain_key,
        });
    }
    scratch.listed.sort_unstable_by_key(|listed| (listed.link_id, listed.entry));
    Ok(())
}

/// Add a row for each link; returns the hash of all of them, none for an empty page.
fn push_entries(
    reader: &mut Reader,
    columns: &mut Columns,
    arrival: Arrival,
    raw_source: Option<&str>,
    page: &Page<'_>,
) -> Option<u64> {
    let Reader { seed, urls, scratch, .. } = reader;
    scratch.hashes.clear();
    for same in scratch.listed.chunk_by(|a, b| a.link_id == b.link_id) {
        let Some(first) = same.first() else { continue };
        let range = first.text.0 as usize..first.text.1 as usize;
        let url = std::str::from_utf8(scratch.texts.get(range).unwrap_or_default()).unwrap_or_default();
        let mut entries = same.iter().filter_map(|listed| page.entries.get(listed.entry as usize));
        let Some(entry) = entries.next() else { continue };
        let rest: Vec<&Entry<'_>> = entries.collect();
        let merged =
            if rest.is_empty() { Merged::of(page, entry) } else { Merged::of_all(page, entry, &rest) };
        let target = Side {
            url,
            raw: (url != entry.target_url).then_some(entry.target_url.as_ref()),
            key: first.key,
            domain_key: first.domain_key,
            domain: first.domain,
        };
        let hash = merged.hash(*seed, first.link_id, target.raw, &mut scratch.content);
        scratch.hashes.extend_from_slice(&hash.to_le_bytes());
        let Merged { rel, anchor, link_type, extra, others } = merged;
        let (kind, lost_reason) = (EventKind::Page as u8, None);
        let link_id = first.link_id;
        let row = Row { kind, arrival, link_id, lost_reason, target, rel, anchor, link_type, extra };
        columns.push(
            row,
            &urls.source,
            raw_source,
            others.iter().map(|(field, value)| (*field, value.as_ref())),
        );
    }
    set_id(*seed, &scratch.hashes)
}

/// Add the redirect target or canonical; none is added if it is no URL, which changes nothing about the answer.
fn push_sole(
    reader: &mut Reader,
    columns: &mut Columns,
    arrival: Arrival,
    (base, raw_source): (&str, Option<&str>),
    (raw, link_type): (&str, LinkType),
) -> Option<u64> {
    let Reader { seed, normalizer, urls, scratch, .. } = reader;
    let url = &mut scratch.url;
    read_url(normalizer, *seed, "target_url", raw, Some(base), url).ok()?;
    let link_id = link_id(*seed, urls.source.key, url.key);
    let merged = Merged { link_type: Some(link_type), ..Merged::default() };
    let target = Side {
        url: url.as_str(),
        raw: url.raw(raw),
        key: url.key,
        domain_key: url.domain_key,
        domain: url.domain,
    };
    let hash = merged.hash(*seed, link_id, target.raw, &mut scratch.content);
    let (kind, lost_reason) = (EventKind::Page as u8, None);
    let (rel, anchor, extra, link_type) = (None, None, None, merged.link_type);
    let row = Row { kind, arrival, link_id, lost_reason, target, rel, anchor, link_type, extra };
    columns.push(row, &urls.source, raw_source, std::iter::empty());
    set_id(*seed, &hash.to_le_bytes())
}

/// The hash of a page's content, each link by its own hash, in the order of their ids.
fn set_id(seed: u64, hashes: &[u8]) -> Option<u64> {
    (!hashes.is_empty()).then(|| xxh3_64_with_seed(hashes, seed))
}

/// What all entries for one target say together.
#[derive(Default)]
struct Merged<'e> {
    rel: Option<&'e str>,
    anchor: Option<&'e str>,
    link_type: Option<LinkType>,
    /// Of the first entry that has any.
    extra: Option<&'e str>,
    /// Beside anchor, rel and link type; occurrences if there are several.
    others: Vec<(Field, Cow<'e, str>)>,
}

impl<'e> Merged<'e> {
    fn of(page: &'e Page<'_>, entry: &'e Entry<'_>) -> Self {
        let others = page.attributes_of(entry).iter();
        Self {
            rel: entry.rel.as_ref().map(|rel| rel.text.as_ref()),
            anchor: entry.anchor.as_deref(),
            link_type: entry.link_type,
            extra: entry.extra.as_deref(),
            others: others.map(|(field, value)| (Field::from(*field), value.as_ref().into())).collect(),
        }
    }

    /// Anchor: the entries in content if any, else all, and the first of them. Any other: the stronger.
    fn of_all(page: &'e Page<'_>, first: &'e Entry<'_>, rest: &[&'e Entry<'_>]) -> Self {
        let mut merged = Self::of(page, first);
        let mut is_in_content = merged.anchor.is_some() && is_content(page, first);
        for entry in rest {
            let one = Self::of(page, entry);
            let is_better = merged.anchor.is_none() || (!is_in_content && is_content(page, entry));
            if one.anchor.is_some() && is_better {
                merged.anchor = one.anchor;
                is_in_content = is_content(page, entry);
            }
            let both = merged.rel.zip(one.rel).map(|(a, b)| stronger(Field::REL, a, b));
            merged.rel = both.or(merged.rel).or(one.rel);
            if one.link_type.map(LinkType::as_str) > merged.link_type.map(LinkType::as_str) {
                merged.link_type = one.link_type;
            }
            merged.extra = merged.extra.or(one.extra);
            for (field, value) in one.others {
                match merged.others.iter_mut().find(|(known, _)| *known == field) {
                    Some((_, known)) if known.as_bytes() < value.as_bytes() => *known = value,
                    Some(_) => {}
                    None => merged.others.push((field, value)),
                }
            }
        }
        merged.others.push((Field::OCCURRENCES, (rest.len() + 1).to_string().into()));
        merged.others.sort_unstable_by_key(|(field, _)| *field);
        merged
    }

    /// The hash of the link with all that is said of it. Lengths keep the end of one text apart from the beginning
    /// of the next, and absent from empty.
    fn hash(&self, seed: u64, link_id: u64, raw: Option<&str>, content: &mut Vec<u8>) -> u64 {
        content.clear();
        content.extend_from_slice(&link_id.to_le_bytes());
        for text in [self.anchor, self.rel, self.link_type.map(LinkType::as_str), self.extra, raw] {
            content.extend_from_slice(&text.map_or(u32::MAX, |text| text.len() as u32).to_le_bytes());
            content.extend_from_slice(text.unwrap_or_default().as_bytes());
        }
        for (field, value) in &self.others {
            content.extend_from_slice(field.as_str().as_bytes());
            content.extend_from_slice(&(value.len() as u32).to_le_bytes());
            content.extend_from_slice(value.as_bytes());
        }
        xxh3_64_with_seed(content, seed)
    }
}

fn is_content(page: &Page<'_>, entry: &Entry<'_>) -> bool {
    let wanted = AttributeField::SemanticLocation;
    page.attributes_of(entry).iter().any(|(field, value)| *field == wanted && value == "content")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{BatchDecoder, Chunk, DecoderOptions, EventBatch, text};
    use super::*;
    use crate::event::Reason;
    use crate::url::PublicSuffixList;
    use crate::wire::{ChunkRef, Codec};

    fn decode(pages: &[&str], accepts_losses: bool) -> EventBatch {
        let options = DecoderOptions { seed: 1, max_event_bytes: 1 << 20, max_batch_bytes: 1 << 20 };
        let suffixes = PublicSuffixList::parse("example\n").unwrap();
        let base =
            r#""event":"page","observed_at":"2026-07-31T12:00:00Z","source_url":"https://a.example/p/""#;
        let line = |page: &&str| format!("{{{base},{page}}}").replace('\n', " ") + "\n";
        let lines: String = pages.iter().map(line).collect();
        let records = ChunkRef {
            codec: Codec::Ndjson,
            data: lines.as_bytes(),
            first_offset: 0,
            received_at_us: 1_800_000_000_000_000,
            aborted: &[],
        };
        BatchDecoder::new(Arc::new(suffixes), options).decode(&[Chunk {
            source_id: 1,
            accepts_losses,
            records,
        }])
    }

    fn judged(page: &str) -> (Option<&'static str>, Vec<(String, Option<String>)>) {
        let batch = decode(&[page], true);
        let row = |row: usize| {
            (batch.target_url.value(row).to_owned(), text(&batch.link_type, row).map(Into::into))
        };
        (batch.pages[0].loss().map(LossReason::as_str), (0..batch.rows()).map(row).collect())
    }

    #[test]
    fn a_foreign_canonical_or_a_redirect_is_the_one_sighting() {
        let links = r#","complete":true,"links":[{"target_url":"b"}]"#;
        let listed = (Some("removedfromhtml"), vec![("https://a.example/p/b".to_owned(), None)]);
        let sole =
            |reason, url: &str, kind: &str| (Some(reason), vec![(url.to_owned(), Some(kind.to_owned()))]);
        for (more, wanted) in [
            (r#""canonical":"https://www.a.example/p""#, listed.clone()),
            (r#""canonical":"javascript:x""#, listed.clone()),
            (r#""canonical":"/q""#, sole("notcanonical", "https://a.example/q", "canonical")),
            (
                r#""http_code":301,"redirect_chain":["/r"]"#,
                sole("pageredirected", "https://a.example/r", "redirect"),
            ),
            (r#""http_code":301,"redirect_chain":["mailto:a"]"#, (Some("pageredirected"), vec![])),
            (r#""http_code":301"#, (Some("pageredirected"), vec![])),
            (r#""http_code":404,"canonical":"/q","redirect_chain":["/r"]"#, (Some("notfound"), vec![])),
            (r#""http_code":500"#, (Some("pageerror"), vec![])),
        ] {
            assert_eq!(judged(&format!("{more}{links}")), wanted, "{more}");
        }
        assert_eq!(judged(r#""links":[{"target_url":"b"}]"#), (None, listed.1));
    }

    #[test]
    fn several_entries_for_one_target_are_one_row() {
        let batch = decode(
            &[r#""links":[{"target_url":"b","anchor":"nav","rel":"ugc","alt":"x","y":1},
                {"target_url":"c"},
                {"target_url":"/p/b#top","anchor":"first","semantic_location":"content","link_type":"image"},
                {"target_url":"b","semantic_location":"content","rel":[],"link_type":"text","alt":"y"},
                {"target_url":"b","anchor":"a longer one","semantic_location":"content"}]"#],
            true,
        );
        assert_eq!((batch.rows(), batch.len(), batch.link_events()), (2, 1, 0));
        let row = (0..2).find(|&row| batch.target_url.value(row).ends_with("/b")).unwrap();
        let carried: Vec<(&str, &str)> =
            batch.carried(row).map(|(field, value)| (field.as_str(), value)).collect();
        let wanted = [
            ("anchor", "first"),
            ("rel", ""),
            ("link_type", "text"),
            ("occurrences", "4"),
            ("alt", "y"),
            ("semantic_location", "content"),
        ];
        assert_eq!(carried, wanted);
        assert_eq!(text(&batch.extra, row), Some(r#"{"y":1}"#));
        let other: Vec<_> = batch.carried(1 - row).collect();
        assert_eq!(other, [(Field::OCCURRENCES, Field::ONCE)]);
    }

    #[test]
    fn a_set_is_its_content_in_any_order() {
        let (b, c) = (r#"{"target_url":"b","anchor":"x"}"#, r#"{"target_url":"c","alt":"y"}"#);
        let set_id = |links: &str| decode(&[&format!(r#""links":[{links}]"#)], true).pages[0].set_id;
        assert_eq!(set_id(""), None);
        assert_eq!(set_id(&format!("{b},{c}")), set_id(&format!("{c}, {b}")));
        let others = [
            b.to_owned(),
            format!("{b},{b},{c}"),
            format!(r#"{{"target_url":"b","anchor":""}},{c}"#),
            format!(r#"{{"target_url":"b"}},{c}"#),
            format!(r#"{{"target_url":"b","title":"x"}},{c}"#),
            format!(r#"{{"target_url":"b","anchor":"x","rel":[]}},{c}"#),
            format!(r#"{{"target_url":"b","anchor":"x","new":1}},{c}"#),
            format!(r#"{{"target_url":"b#e","anchor":"x"}},{c}"#),
        ];
        let mut sets: Vec<_> = others.iter().map(|links| set_id(links)).collect();
        sets.push(set_id(&format!("{b},{c}")));
        sets.sort_unstable();
        sets.dedup();
        assert_eq!(sets.len(), others.len() + 1);
    }

    #[test]
    fn a_refused_page_leaves_nothing_behind() {
        let batch = decode(
            &[r#""links":[{"target_url":"b"},{"target_url":"mailto:x"}]"#, r#""links":[{"target_url":"c"}]"#],
            true,
        );
        assert_eq!((batch.rows(), batch.pages.len()), (1, 1));
        let letter = &batch.dead_letters[0];
        assert_eq!((letter.reason, letter.offset), (Reason::UrlScheme, 0));
        assert!(letter.detail.starts_with("links[1]: target_url \"mailto:x\""), "{}", letter.detail);
    }

    #[test]
    fn losses_of_a_sample_do_not_count() {
        let page = decode(&[r#""complete":true,"links":[]"#], false).pages.remove(0);
        assert_eq!((page.loss(), page.loss_reason.map(LossReason::as_str)), (None, Some("removedfromhtml")));
    }
}
