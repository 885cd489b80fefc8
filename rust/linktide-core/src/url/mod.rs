//! URL identity: any URL text becomes one canonical http(s) URL, its host, its registrable domain,
//! its flags and the key of its cluster.
//!
//! The rules are the table [`POLICY`]; [`Level`] says how many of them apply, *index* by default. A URL is parsed by ada-url (WHATWG), then one
//! byte pass over ada's text applies the policy and appends to the caller's buffer. A plain URL takes the
//! short way: the same pass over the text itself. So there is one implementation of the policy.
//!
//! ```
//! use linktide_core::url::{Normalizer, PublicSuffixList};
//! use std::sync::Arc;
//!
//! let suffixes = Arc::new(PublicSuffixList::parse("com\nuk\nco.uk\n")?);
//! let mut normalizer = Normalizer::new(suffixes);
//! let mut out = Vec::new();
//! let row = normalizer
//!     .normalize(b"HTTP://News.Example.co.uk:80/a/../b?utm_source=x&id=%37#top", None, &mut out)
//!     .map_err(|reason| reason.name())?;
//! assert_eq!(&out[row.url], b"http://news.example.co.uk/b?id=7");
//! assert_eq!(&out[row.domain], b"example.co.uk");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![expect(clippy::inline_always, reason = "what uses vector instructions must be inlined where they are on")]

mod cluster;
mod columns;
mod domain_cache;
mod explain;
mod fragment;
mod fuzz;
mod host;
mod identity;
mod lanes;
mod levels;
mod normalizer;
mod options;
mod outcome;
mod parameter_table;
mod parameters;
mod pass;
mod path;
mod percent;
mod plain;
mod policy;
mod query;
mod resolve;
mod scheme;
mod suffixes;
mod unwrap;
mod userinfo;
mod walk;

pub use columns::{Bases, ColumnError, ColumnNormalizer};
pub use explain::{Explanation, Step, explain};
pub use fuzz::{UrlExerciser, exercise_lanes};
pub use identity::{key, url_id};
pub use normalizer::{MAX_INPUT_BYTES, Normalizer};
pub use options::{
    AssumedScheme, ExtraNames, GREATEST_OUTPUT_BYTES, Level, MAX_OUTPUT_BYTES, OptionError, Setting,
    UrlOptions,
};
pub use outcome::{NormalizedText, NormalizedUrl, UrlFlags, UrlReason};
pub use parameter_table::PARAMETERS;
pub use parameters::{Parameter, ParameterKind, ParameterMatch, Source};
pub use policy::{Expected, POLICY, POLICY_VERSION, PolicyRow, Vector};
pub use scheme::scheme_label;
pub use suffixes::{PslError, PublicSuffixList};
pub use unwrap::{WRAPPERS, Wrapper, WrapperHost, WrapperKind, WrapperTarget};

#[cfg(test)]
mod tests;
