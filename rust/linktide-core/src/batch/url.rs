//! The URLs of an event, normalised and keyed.

use crate::event::{Reason, Rejection};
use crate::url::{Normalizer, UrlReason, key};

/// One URL after normalisation.
#[derive(Debug, Default)]
pub(super) struct Url {
    pub(super) text: Vec<u8>,
    pub(super) domain: (u16, u16),
    pub(super) key: u64,
    pub(super) domain_key: u64,
}

impl Url {
    /// The text; normalised URLs are ASCII.
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// What was sent, where it differs.
    pub(super) fn raw<'r>(&self, raw: &'r str) -> Option<&'r str> {
        (self.as_str() != raw).then_some(raw)
    }
}

/// The two URLs of an event; the source is kept because the next event often has the same.
#[derive(Debug, Default)]
pub(super) struct Urls {
    raw_source: String,
    pub(super) source: Url,
    pub(super) target: Url,
}

impl Urls {
    /// Read the source, unless it is that of the event before.
    pub(super) fn read_source(
        &mut self,
        normalizer: &mut Normalizer,
        seed: u64,
        raw: &str,
    ) -> Result<(), Rejection> {
        if self.raw_source.is_empty() || self.raw_source != raw {
            self.raw_source.clear();
            read_url(normalizer, seed, "source_url", raw, None, &mut self.source)?;
            self.raw_source.push_str(raw);
        }
        Ok(())
    }

    /// The key of the link between them.
    pub(super) fn link_id(&self, seed: u64) -> u64 {
        link_id(seed, self.source.key, self.target.key)
    }
}

/// The key of a pair of URLs.
pub(super) fn link_id(seed: u64, source: u64, target: u64) -> u64 {
    let mut bytes = [0; 16];
    let (one, two) = bytes.split_at_mut(8);
    one.copy_from_slice(&source.to_le_bytes());
    two.copy_from_slice(&target.to_le_bytes());
    key(seed, &bytes)
}

pub(super) fn read_url(
    normalizer: &mut Normalizer,
    seed: u64,
    field: &str,
    raw: &str,
    base: Option<&str>,
    url: &mut Url,
) -> Result<(), Rejection> {
    url.text.clear();
    let text = normalizer.normalize_text(raw.as_bytes(), base, &mut url.text).map_err(|reason| {
        let shown: String = raw.chars().take(200).collect();
        Rejection::new(dead_letter_reason(reason), format!("{field} {shown:?}: {reason}"))
    })?;
    let domain = normalizer.domain(&text, &url.text);
    url.domain = (domain.start as u16, domain.end as u16);
    url.key = key(seed, &url.text);
    url.domain_key = key(seed, url.text.get(domain).unwrap_or_default());
    Ok(())
}

fn dead_letter_reason(reason: UrlReason) -> Reason {
    match reason {
        UrlReason::Scheme => Reason::UrlScheme,
        UrlReason::Relative => Reason::RelativeUrl,
        UrlReason::Host | UrlReason::Private => Reason::UrlHost,
        UrlReason::TooLong => Reason::UrlTooLong,
        UrlReason::BadUtf8 | UrlReason::Invalid => Reason::UrlInvalid,
    }
}
