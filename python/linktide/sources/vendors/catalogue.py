"""The exports that are known, one entry each. Names are those of the vendors' own documentation.

docs/importing.md is written from this table.
"""

from __future__ import annotations

from typing import Final

from linktide.sources.vendors.mapping import Layout

LAYOUTS: Final = (
    Layout(
        vendor="ahrefs",
        title="Ahrefs, Site Explorer",
        signature=("Referring page URL",),
        marks=("Target URL", "Link URL"),
        source_url=("Referring page URL",),
        target_url=("Target URL", "Link URL"),
        first_seen=("First seen",),
        last_seen=("Last visited", "Last check"),
        # Not the last time it was alive: the day on which it was found lost; empty while it lives.
        lost_at=("Lost date", "Date lost", "Last seen"),
        is_lost=("Lost", "Is lost"),
        # Beside a column of its own for the loss, `Last seen` may be no more than it says.
        is_lost_needed=True,
        lost_reason=("Lost status", "Lost reason"),
        drop_reason=("Drop reason",),
        rel_flags={"nofollow": ("Nofollow",), "ugc": ("UGC",), "sponsored": ("Sponsored",)},
        link_type=("Type", "Link type"),
        texts={
            "anchor": ("Anchor", "Link anchor"),
            "alt": ("Alt",),
            "snippet_left": ("Left context", "Text pre"),
            "snippet_right": ("Right context", "Text post"),
            "title": ("Referring page title",),
            "language": ("Language",),
        },
        numbers={
            "http_code": ("Referring page HTTP code",),
            "links_internal": ("Internal links", "Links internal"),
            "links_external": ("External links", "Links external"),
        },
    ),
    Layout(
        vendor="ahrefs",
        title="Ahrefs, API v3",
        signature=("url_from", "url_to"),
        # `first_seen` of it is that of the page.
        marks=("first_seen_link", "last_visited"),
        source_url=("url_from",),
        target_url=("url_to",),
        first_seen=("first_seen_link",),
        last_seen=("last_visited",),
        lost_at=("last_seen",),
        is_lost=("is_lost",),
        lost_reason=("lost_reason",),
        drop_reason=("drop_reason",),
        rel_flags={"nofollow": ("is_nofollow",), "ugc": ("is_ugc",), "sponsored": ("is_sponsored",)},
        followed=("is_dofollow",),
        link_type=("link_type",),
        texts={
            "anchor": ("anchor",),
            "alt": ("alt",),
            "snippet_left": ("snippet_left",),
            "snippet_right": ("snippet_right",),
            "title": ("title",),
            "ip_source": ("ip_source",),
        },
        numbers={
            "http_code": ("http_code",),
            "http_code_target": ("http_code_target",),
            "links_internal": ("links_internal",),
            "links_external": ("links_external",),
        },
    ),
    Layout(
        vendor="semrush",
        title="Semrush, Backlinks",
        signature=("Source url", "Target url"),
        marks=("Page ascore", "Source title", "New link", "Lost link", "Sitewide"),
        source_url=("Source url",),
        target_url=("Target url",),
        first_seen=("First seen",),
        last_seen=("Last seen",),
        is_lost=("Lost link",),
        rel_flags={"nofollow": ("Nofollow",), "ugc": ("Ugc",), "sponsored": ("Sponsored",)},
        type_flags={"Image": "image", "Frame": "frame", "Form": "form", "Text": "text"},
        texts={"anchor": ("Anchor",), "title": ("Source title",)},
        numbers={
            "http_code": ("Response code",),
            "links_internal": ("Internal links", "internal_num"),
            "links_external": ("External links", "external_num"),
        },
    ),
    Layout(
        vendor="moz",
        title="Moz, Link Explorer",
        signature=("URL", "Target URL"),
        marks=("Spam Score", "PA", "DA", "Page Authority", "Domain Authority"),
        source_url=("URL",),
        target_url=("Target URL",),
        first_seen=("First Seen", "Date First Seen"),
        last_seen=("Last Seen", "Date Last Seen"),
        lost_at=("Date Lost", "Lost", "Date Disappeared"),
        # By its own words: it could not be crawled again.
        default_reason="dropped:disappeared",
        rel_flags={"nofollow": ("Nofollow",)},
        followed=("Followed",),
        link_type=("Link Type",),
        texts={"anchor": ("Anchor Text",), "title": ("Title",)},
        numbers={"http_code": ("HTTP Code", "HTTP Status")},
        has_bare_urls=True,
    ),
    Layout(
        vendor="moz",
        title="Moz, Links API",
        signature=("source.page", "target.page"),
        source_url=("source.page",),
        target_url=("target.page",),
        first_seen=("date_first_seen",),
        last_seen=("date_last_seen",),
        lost_at=("date_disappeared",),
        default_reason="dropped:disappeared",
        rel_flags={"nofollow": ("nofollow",)},
        type_flags={"rel_canonical": "canonical", "redirect": "redirect"},
        texts={"anchor": ("anchor_text",), "title": ("source.title",)},
        numbers={"http_code": ("source.http_code",), "http_code_target": ("target.http_code",)},
        has_bare_urls=True,
    ),
    Layout(
        vendor="majestic",
        title="Majestic, Backlinks",
        signature=("SourceURL", "TargetURL"),
        marks=(
            *("FlagNoFollow", "FirstIndexedDate", "SourceCitationFlow", "SourceTrustFlow"),
            *("Source First Found Date", "Source Crawl Date", "FirstFoundDate"),
        ),
        source_url=("SourceURL",),
        target_url=("TargetURL",),
        first_seen=("FirstIndexedDate", "Source First Found Date", "First Found Date"),
        last_seen=("LastSeenDate", "Source Crawl Date", "Last Seen Date"),
        lost_at=("DateLost", "Date Lost"),
        is_lost=("FlagDeleted",),
        lost_reason=("ReasonLost",),
        rel_flags={"nofollow": ("FlagNoFollow",)},
        link_type=("LinkType",),
        type_flags={
            "FlagRedirect": "redirect",
            "FlagFrame": "frame",
            "FlagImages": "image",
            "FlagImageLink": "image",
        },
        texts={
            "anchor": ("AnchorText",),
            "title": ("SourceTitle", "Source Page Title"),
            "language": ("SourceLanguage",),
        },
        numbers={
            "http_code": ("SourceLastCrawlResult", "SourceHTTPCode"),
            "links_internal": ("SourceInternalLinks", "SourceOutLinksInternal"),
            "links_external": ("SourceExternalLinks", "SourceOutLinksExternal"),
        },
    ),
    Layout(
        vendor="dataforseo",
        title="DataForSEO, Backlinks",
        signature=("url_from", "url_to", "domain_from"),
        source_url=("url_from",),
        target_url=("url_to",),
        first_seen=("first_seen",),
        last_seen=("last_seen",),
        lost_at=("lost_date",),
        is_lost=("is_lost",),
        followed=("dofollow",),
        rel=("attributes",),
        link_type=("item_type",),
        texts={
            "anchor": ("anchor",),
            "alt": ("alt",),
            "snippet_left": ("text_pre",),
            "snippet_right": ("text_post",),
            "title": ("page_from_title",),
            "language": ("page_from_language",),
            "semantic_location": ("semantic_location",),
        },
        numbers={
            "http_code": ("page_from_status_code",),
            "http_code_target": ("url_to_status_code",),
            "links_internal": ("page_from_internal_links",),
            "links_external": ("page_from_external_links",),
        },
    ),
    Layout(
        vendor="gsc",
        title="Google Search Console, latest links and sample links",
        signature=("Linking page",),
        source_url=("Linking page",),
        target_url=("Target page",),
        last_seen=("Last crawled",),
    ),
    Layout(
        vendor="bing",
        title="Bing Webmaster Tools, Backlinks",
        signature=("Source Url", "Anchor Text"),
        source_url=("Source Url",),
        target_url=("Target Url",),
        texts={"anchor": ("Anchor Text",)},
    ),
    Layout(
        vendor="bing",
        title="Bing Webmaster API, GetUrlLinks",
        signature=("Url", "AnchorText"),
        source_url=("Url",),
        texts={"anchor": ("AnchorText",)},
    ),
)
VENDORS: Final = tuple(dict.fromkeys(layout.vendor for layout in LAYOUTS))
LOST_REASONS: Final = {
    **{
        name: name
        for name in (
            *("removedfromhtml", "notfound", "noindex", "notcanonical", "pageredirected", "lostredirect"),
            "pageerror",
        )
    },
    "linkremoved": "removedfromhtml",
    "removed": "removedfromhtml",
    "404": "notfound",
    "410": "notfound",
    "404notfound": "notfound",
    "noncanonical": "notcanonical",
    "redirected": "pageredirected",
    "301redirect": "pageredirected",
    "302redirect": "pageredirected",
    "301302redirect": "pageredirected",
    "brokenredirect": "lostredirect",
    "crawlerror": "pageerror",
}
"""What vendors write, as `folded` → `lost_reason`; whatever else becomes dropped:<it>."""
LINK_TYPES: Final = {
    **{
        name: name for name in ("text", "image", "frame", "form", "redirect", "canonical", "alternate", "rss")
    },
    "href": "text",
    "anchor": "text",
    "textlink": "text",
    "link": "text",
    "imagelink": "image",
    "iframe": "frame",
}
"""What vendors write, as `folded` → `link_type`; whatever else is kept as written and says nothing."""
