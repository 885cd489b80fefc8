//! One message in, one event of the contract (version 1) out, or the reason why not.
//!
//! [`decode`] is the way in. The contract in words is `docs/events.md`, as a schema
//! `docs/schema/link-event.v1.schema.json`.

mod decode;
mod fields;
mod json;
mod loss;
mod message;
mod number;
mod page;
mod reason;
mod rel;
mod stored;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod values;

use std::borrow::Cow;

pub use decode::{DecodeContext, decode};
pub use fields::AttributeField;
pub use loss::LossReason;
pub use page::{Entry, Page};
pub use reason::{Reason, Rejection};
pub use rel::{Rel, RelClass};
pub use stored::{attributes_of, json_object, texts_of};
pub use time::{AHEAD_US, EARLIEST_US};

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $code,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name, as in events and tables.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one of this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

names! {
    /// What an event says. The numbers are stored.
    EventKind {
        /// The link was found; the same as `Seen` to the state.
        Discovered = 1 "discovered",
        /// The link was there.
        Seen = 2 "seen",
        /// The link was not there any more.
        Lost = 3 "lost",
        /// All or some links of one page.
        Page = 4 "page",
        /// What a target answers.
        Target = 5 "target",
        /// Visits over a link in a day.
        Referral = 6 "referral",
    }
}

names! {
    /// What kind of link it is. Only some kinds pass authority.
    LinkType {
        /// A text link.
        Text = 1 "text",
        /// An image that is a link.
        Image = 2 "image",
        /// A frame.
        Frame = 3 "frame",
        /// The action of a form.
        Form = 4 "form",
        /// A redirect.
        Redirect = 5 "redirect",
        /// A canonical.
        Canonical = 6 "canonical",
        /// An alternate version of the page.
        Alternate = 7 "alternate",
        /// An entry of a feed.
        Rss = 8 "rss",
    }
}

/// An event of the contract. Text is as it was sent, URLs raw; borrowed where the message held no escape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// What it says.
    pub kind: EventKind,
    /// When that was so, µs since 1970 in UTC.
    pub observed_at_us: i64,
    /// The page that links, never blank; empty if absent, which it may be for `target` alone.
    pub source_url: Cow<'a, str>,
    /// What it links to, never blank; absent for `page` alone.
    pub target_url: Option<Cow<'a, str>>,
    /// What a relative `target_url` is resolved against, never blank; `source_url` if absent. Kept in `extra` too.
    pub base: Option<Cow<'a, str>>,
    /// Of a `lost` event, always; of a `page`, if it carries one; of others, never.
    pub lost_reason: Option<LossReason>,
    /// `None` if the event does not speak of it; this and the fields below describe a link, so a page has them in its
    /// entries.
    pub rel: Option<Rel<'a>>,
    /// `None` if the event does not speak of it; may be empty.
    pub anchor: Option<Cow<'a, str>>,
    /// `None` if the event does not speak of it.
    pub link_type: Option<LinkType>,
    /// Other attributes carried, sorted by field, each once, as canonical text. Kept in `extra` too, as written.
    pub attributes: Vec<(AttributeField, Cow<'a, str>)>,
    /// The producer's name for the event; nothing depends on it. Kept in `extra` too.
    pub event_id: Option<Cow<'a, str>>,
    /// A JSON object of every optional and unknown field without a place of its own: names in byte order, values as
    /// written. `None` if there is none.
    pub extra: Option<String>,
    /// Of a `page` event, always; of others, never.
    pub page: Option<Page<'a>>,
    /// Of a `referral` event, always; of others, never.
    pub referral: Option<Referral>,
}

/// Visits that came over a link in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Referral {
    /// Days since 1970.
    pub day: i32,
    /// How many there were.
    pub visits: u64,
}
