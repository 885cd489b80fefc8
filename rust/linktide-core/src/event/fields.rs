//! The fields of the contract by name.

macro_rules! columns {
    ($($variant:ident, $name:literal;)*) => {
        /// Fields that steer decoding or have a place of their own in [`Event`](super::Event).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Column {
            $($variant,)*
        }

        impl Column {
            pub(super) const ALL: &'static [(&'static str, Self)] = &[$(($name, Self::$variant),)*];

            pub(super) fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

columns! {
    Event, "event";
    ObservedAt, "observed_at";
    SourceUrl, "source_url";
    TargetUrl, "target_url";
    Anchor, "anchor";
    Rel, "rel";
    LinkType, "link_type";
    LostReason, "lost_reason";
    Base, "base";
    EventId, "event_id";
    Version, "version";
    Specversion, "specversion";
    Data, "data";
    Type, "type";
    Ts, "ts";
    UrlFrom, "url_from";
    UrlTo, "url_to";
    Links, "links";
    Complete, "complete";
    Day, "day";
    Visits, "visits";
}

/// A field and the older name it may come under; the first wins if both are there.
pub(super) const ALIASES: [(Column, Column); 4] = [
    (Column::Event, Column::Type),
    (Column::ObservedAt, Column::Ts),
    (Column::SourceUrl, Column::UrlFrom),
    (Column::TargetUrl, Column::UrlTo),
];

/// What the value of an attribute may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    /// true or false.
    Flag,
    /// An integer from 0 to the value given.
    UpTo(i64),
    /// A string, or an integer from 0.
    TextOrCount,
    /// An array of strings.
    Texts,
}

pub(super) const COUNT: Shape = Shape::UpTo(i64::MAX);
/// Answer codes; some hosts answer 999.
const CODE: Shape = Shape::UpTo(999);

macro_rules! attributes {
    ($($variant:ident, $name:literal, $shape:expr, $help:literal;)*) => {
        /// Per-link attributes other than rel, anchor and link type. Each is one register of the link's state.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum AttributeField {
            $(#[doc = $help] $variant,)*
        }

        impl AttributeField {
            /// Every attribute.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name, as in events and tables.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The attribute of this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            pub(super) const fn shape(self) -> Shape {
                match self { $(Self::$variant => $shape,)* }
            }
        }
    };
}

attributes! {
    Alt, "alt", Shape::Text, "Text of the image that is the link.";
    SnippetLeft, "snippet_left", Shape::Text, "Text before the link.";
    SnippetRight, "snippet_right", Shape::Text, "Text after the link.";
    Title, "title", Shape::Text, "Title of the source page.";
    Language, "language", Shape::Text, "Language of the source page.";
    SemanticLocation, "semantic_location", Shape::Text, "Part of the page the link stands in.";
    HttpCode, "http_code", CODE, "Answer of the source page.";
    HttpCodeTarget, "http_code_target", CODE, "Answer of the target page.";
    RedirectChain, "redirect_chain", Shape::Texts, "URLs between the link and its final target.";
    NoIndex, "noindex", Shape::Flag, "The source page asks not to be indexed.";
    Canonical, "canonical", Shape::Text, "Canonical URL the source page names.";
    LinksInternal, "links_internal", COUNT, "Links of the source page within its site.";
    LinksExternal, "links_external", COUNT, "Links of the source page to other sites.";
    Generator, "generator", Shape::Text, "Software that made the source page.";
    PagePublishedAt, "page_published_at", Shape::TextOrCount, "When the source page says it was published; kept as written.";
    IpSource, "ip_source", Shape::Text, "Address the source page was fetched from.";
    Acquisition, "acquisition", Shape::Text, "How the link was won.";
    SourceKind, "source_kind", Shape::Text, "What kind of site the source is.";
    CampaignId, "campaign_id", Shape::TextOrCount, "Campaign the link belongs to.";
    Words, "words", COUNT, "Words of the source page.";
    Hidden, "hidden", Shape::Flag, "Who reads the source page does not see the link.";
}
