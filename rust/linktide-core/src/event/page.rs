//! What a `page` event says: how the page answered, and the links it listed.

use std::borrow::Cow;
use std::ops::Range;

use super::LinkType;
use super::decode::link_type;
use super::fields::{AttributeField, Column};
use super::json::{Kind, Raw, Scanner};
use super::loss::LossReason;
use super::message::Message;
use super::reason::{Rejection, missing, wrong_type};
use super::rel::Rel;
use super::values::{attribute_text, last_text, optional_flag, optional_text, required_text};

/// A page as it answered. What it lists is as it was sent, several entries for one target included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page<'a> {
    /// It claims to list every link of the page.
    pub is_complete: bool,
    /// How the page answered; absent and 0 alike say nothing.
    pub http_code: Option<u16>,
    /// It asks not to be indexed.
    pub is_noindex: bool,
    /// The canonical URL it names, never blank.
    pub canonical: Option<Cow<'a, str>>,
    /// Where it redirects: the last of its chain, never blank.
    pub redirect_target: Option<Cow<'a, str>>,
    /// The links it lists, in their order.
    pub entries: Vec<Entry<'a>>,
    /// The attributes of all entries.
    attributes: Vec<(AttributeField, Cow<'a, str>)>,
}

/// One link of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What it links to, never blank.
    pub target_url: Cow<'a, str>,
    /// `None` if the entry does not speak of it.
    pub rel: Option<Rel<'a>>,
    /// `None` if the entry does not speak of it; may be empty.
    pub anchor: Option<Cow<'a, str>>,
    /// `None` if the entry does not speak of it.
    pub link_type: Option<LinkType>,
    /// A JSON object of every field without a place of its own, as [`super::Event::extra`], attributes apart.
    pub extra: Option<String>,
    /// Its share of the page's `attributes`.
    attributes: Range<u32>,
}

impl<'a> Page<'a> {
    pub(super) fn read(message: &Message<'a>, lost_reason: Option<LossReason>) -> Result<Self, Rejection> {
        let text = |field: AttributeField| optional_text(field.as_str(), message.attribute(field));
        let code = message.attribute(AttributeField::HttpCode);
        let code = if code.is_null() { None } else { Some(attribute_text(AttributeField::HttpCode, code)?) };
        let chain = message.attribute(AttributeField::RedirectChain);
        let mut page = Self {
            is_complete: optional_flag("complete", message.get(Column::Complete))?.unwrap_or_default(),
            http_code: code.and_then(|code| code.parse().ok()).filter(|&code| code != 0),
            is_noindex: message.attribute(AttributeField::NoIndex).kind == Kind::True,
            canonical: text(AttributeField::Canonical)?.filter(|url| !url.trim_ascii().is_empty()),
            redirect_target: last_text("redirect_chain", chain)?,
            ..Self::default()
        };
        let links = message.get(Column::Links);
        // A complete page without `links` would end every link it has; nobody means that by leaving a field out.
        if links.is_null() && page.is_complete && page.answer(lost_reason).is_none() {
            return Err(missing("links"));
        }
        if !links.is_null() {
            page.read_entries(links)?;
        }
        Ok(page)
    }

    /// The reason for which its links do not count, by code, `lost_reason` and noindex; a canonical apart.
    #[must_use]
    pub fn answer(&self, lost_reason: Option<LossReason>) -> Option<LossReason> {
        match self.http_code {
            Some(404 | 410) => Some(LossReason::NOT_FOUND),
            // 304 says that the page is as it was, and redirects nobody.
            Some(300..=303 | 305..=399) => Some(LossReason::PAGE_REDIRECTED),
            Some(400..) => Some(LossReason::PAGE_ERROR),
            None if lost_reason == Some(LossReason::PAGE_ERROR) => Some(LossReason::PAGE_ERROR),
            _ if self.is_noindex => Some(LossReason::NO_INDEX),
            _ => None,
        }
    }

    /// The attributes that an entry carries beside anchor, rel and link type, sorted by field.
    #[must_use]
    pub fn attributes_of(&self, entry: &Entry<'_>) -> &[(AttributeField, Cow<'a, str>)] {
        let Range { start, end } = entry.attributes;
        self.attributes.get(start as usize..end as usize).unwrap_or_default()
    }

    /// One pass over the array, which was checked with the message; no allocation for a plain entry.
    fn read_entries(&mut self, links: Raw<'a>) -> Result<(), Rejection> {
        let mut scanner = Scanner::new(links.text);
        if !scanner.open_array() {
            return Err(wrong_type("links", links, "an array of objects"));
        }
        // An entry of the contract has at least 40 bytes; a guess too small costs a copy, one too large nothing.
        self.entries.reserve(links.text.len() / 128);
        while scanner.next_place(self.entries.is_empty())? {
            self.read_entry(&mut scanner).map_err(|rejection| {
                let detail = format!("links[{}]: {}", self.entries.len(), rejection.detail);
                Rejection::new(rejection.reason, detail)
            })?;
        }
        Ok(())
    }

    fn read_entry(&mut self, scanner: &mut Scanner<'a>) -> Result<(), Rejection> {
        if !scanner.open_object() {
            let other = scanner.value(1)?;
            return Err(wrong_type("the entry", other, "an object"));
        }
        let mut message = Message::fields(scanner)?;
        message.resolve_alias(Column::TargetUrl, Column::UrlTo);
        let start = self.attributes.len() as u32;
        for (field, raw) in message.attributes() {
            self.attributes.push((field, attribute_text(field, raw)?));
        }
        let is_own =
            |column| matches!(column, Column::TargetUrl | Column::Rel | Column::Anchor | Column::LinkType);
        self.entries.push(Entry {
            target_url: required_text("target_url", message.get(Column::TargetUrl))?,
            rel: Rel::read(message.get(Column::Rel))?,
            anchor: optional_text("anchor", message.get(Column::Anchor))?,
            link_type: link_type(message.get(Column::LinkType))?,
            extra: message.extra_beside_attributes(is_own),
            attributes: start..self.attributes.len() as u32,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DecodeContext, Event, EventKind, Reason, decode};
    use super::*;

    const CONTEXT: DecodeContext =
        DecodeContext { record_time_us: 1_785_542_400_000_000, max_event_bytes: 1 << 20 };

    fn read(json: &str) -> Result<Event<'_>, Rejection> {
        decode(Some(json.as_bytes()), &CONTEXT)
    }

    fn with(more: &str) -> String {
        let base =
            r#""event":"page","observed_at":"2026-07-31T12:00:00Z","source_url":"https://a.example/p""#;
        format!("{{{base},{more}}}")
    }

    fn answer(more: &str) -> Option<LossReason> {
        let json = with(more);
        let event = read(&json).unwrap();
        event.page.unwrap().answer(event.lost_reason)
    }

    #[test]
    fn entries_are_borrowed_and_carry_what_an_event_may() {
        let json = with(
            r#" "complete":true, "x":1, "title":"T", "links": [ {"target_url":"/b","rel":["NoFollow"],"anchor":"b"},
            {"url_to":"https:\/\/c.example\/","link_type":"image","alt":"logo","language":"en","y":[1, 2],"alt":"Logo"},{"target_url":"d"}] "#,
        );
        let event = read(&json).unwrap();
        assert_eq!((event.kind, event.target_url), (EventKind::Page, None));
        assert_eq!(event.extra.as_deref(), Some(r#"{"complete":true,"title":"T","x":1}"#));
        let page = event.page.unwrap();
        let [one, two, three] = &page.entries[..] else { panic!("{page:?}") };
        assert!(
            matches!(one.target_url, Cow::Borrowed("/b")) && matches!(one.anchor, Some(Cow::Borrowed("b")))
        );
        assert_eq!(one.rel.as_ref().unwrap().text, "nofollow");
        assert_eq!((one.extra.as_deref(), page.attributes_of(one).len()), (None, 0));
        assert_eq!((two.target_url.as_ref(), two.link_type), ("https://c.example/", Some(LinkType::Image)));
        assert_eq!(two.extra.as_deref(), Some(r#"{"y":[1, 2]}"#));
        let texts =
            |entry| page.attributes_of(entry).iter().map(|(field, text)| (field.as_str(), text.as_ref()));
        assert_eq!(texts(two).collect::<Vec<_>>(), [("alt", "Logo"), ("language", "en")]);
        assert_eq!((three.target_url.as_ref(), texts(three).count()), ("d", 0));
    }

    #[test]
    fn one_bad_entry_refuses_the_message_and_is_named() {
        let good = r#"{"target_url":"b"}"#;
        for (entry, reason, detail) in [
            ("1", Reason::WrongType, "links[1]: the entry is a number, wanted an object"),
            (r#"["b"]"#, Reason::WrongType, "links[1]: the entry is an array, wanted an object"),
            ("{}", Reason::MissingField, "links[1]: target_url is absent, null or blank"),
            (r#"{"target_url":1}"#, Reason::WrongType, "links[1]: target_url is a number, wanted a string"),
            (
                r#"{"target_url":"b","anchor":[]}"#,
                Reason::WrongType,
                "links[1]: anchor is an array, wanted a string",
            ),
            (r#"{"target_url":"b","http_code":1000}"#, Reason::WrongValue, "links[1]: http_code is 1000"),
        ] {
            let refused = read(&with(&format!(r#""links":[{good}, {entry}]"#))).unwrap_err();
            assert_eq!(refused.reason, reason, "{entry}");
            assert!(refused.detail.starts_with(detail), "{}", refused.detail);
        }
        assert_eq!(
            read(&with(r#""links":{}"#)).unwrap_err().detail,
            "links is an object, wanted an array of objects"
        );
        assert_eq!(read(&with(r#""complete":1"#)).unwrap_err().reason, Reason::WrongType);
        assert_eq!(read(&with(r#""links":[],"http_code":true"#)).unwrap_err().reason, Reason::WrongType);
    }

    #[test]
    fn the_answer_is_judged_in_order() {
        for (more, wanted) in [
            (r#""links":[]"#, None),
            (r#""http_code":200"#, None),
            (r#""http_code":304"#, None),
            (r#""http_code":0"#, None),
            (r#""http_code":404,"noindex":true"#, Some(LossReason::NOT_FOUND)),
            (r#""http_code":410,"lost_reason":"pageerror""#, Some(LossReason::NOT_FOUND)),
            (r#""http_code":301,"noindex":true"#, Some(LossReason::PAGE_REDIRECTED)),
            (r#""http_code":399"#, Some(LossReason::PAGE_REDIRECTED)),
            (r#""http_code":400"#, Some(LossReason::PAGE_ERROR)),
            (r#""http_code":503,"noindex":true"#, Some(LossReason::PAGE_ERROR)),
            (r#""http_code":999"#, Some(LossReason::PAGE_ERROR)),
            (r#""lost_reason":"pageerror","noindex":true"#, Some(LossReason::PAGE_ERROR)),
            (r#""http_code":0,"lost_reason":"pageerror""#, Some(LossReason::PAGE_ERROR)),
            (r#""http_code":200,"lost_reason":"pageerror""#, None),
            (r#""noindex":true,"lost_reason":"notfound""#, Some(LossReason::NO_INDEX)),
            (r#""noindex":false"#, None),
        ] {
            assert_eq!(answer(more), wanted, "{more}");
        }
    }

    #[test]
    fn a_complete_page_lists_its_links_even_if_there_are_none() {
        for (more, is_taken) in [
            (r#""complete":true"#, false),
            (r#""complete":true,"http_code":200"#, false),
            (r#""complete":true,"links":[]"#, true),
            (r#""complete":true,"http_code":404"#, true),
            (r#""complete":true,"noindex":true"#, true),
            (r#""complete":false"#, true),
        ] {
            assert_eq!(read(&with(more)).is_ok(), is_taken, "{more}");
        }
    }

    #[test]
    fn a_redirect_ends_at_the_last_of_its_chain() {
        let json =
            with(r#""http_code":301,"redirect_chain":["https://b.example/", "/c", " "],"canonical":" ""#);
        let page = read(&json).unwrap().page.unwrap();
        assert_eq!((page.redirect_target.as_deref(), page.canonical), (Some("/c"), None));
    }
}
