"""Rules that tell the kind of a source and how a link was acquired; as rows, and as the macros views call.

Whatever a rule says becomes a constant of the macro: a pattern that is known when a statement is planned is
compiled once, one that comes from a table once a row. So a change of the rules changes two macros and a small
table, and no link.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from linktide.store.rule_patterns import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from duckdb import DuckDBPyConnection

KINDS: Final = (
    *("editorial", "guest_post", "directory", "forum", "comment", "social", "influencer"),
    *("wiki", "news", "profile", "other"),
)
"""What a source may be; `unknown` is what no rule tells of."""
ACQUISITIONS: Final = ("natural", "manual", "self_created")
LOCATIONS: Final = ("content", "nav", "header", "footer", "aside", "comment")
LINK_TYPES: Final = ("text", "image", "frame", "form", "redirect", "canonical", "alternate", "rss")
RELS: Final = ("nofollow", "ugc", "sponsored")
MAX_RULES: Final = 500
MAX_HOSTS: Final = 500
"""That are no registrable domains: each is part of a pattern."""
_FINGERPRINT: Final = "source_rules_sha256"


@dataclass(frozen=True, slots=True)
class SourceRule:
    """What must all hold of a link, and what it then is."""

    rule: str
    source_kind: str | None = None
    acquisition: str | None = None
    domains: tuple[str, ...] = ()
    """The registrable domain is one of these; or the host is one of `hosts`."""
    hosts: tuple[str, ...] = ()
    """The host is one of these, or below it."""
    url: str | None = None
    """A regular expression (RE2) found in the lower-case source URL."""
    generator: str | None = None
    """One found in the lower-case generator."""
    rel: str | None = None
    semantic_location: str | None = None
    link_type: str | None = None
    links_external_from: int | None = None
    kinds: tuple[str, ...] = ()
    """The kind, told by the rules before, is one of these."""
    told: str | None = None
    """What the event must have told: source_kind, acquisition, campaign; or `placement`."""


_WIKIS: Final = (
    "wikipedia.org",
    "wikimedia.org",
    "wiktionary.org",
    "wikidata.org",
    "fandom.com",
    "wikihow.com",
)
_SOCIAL: Final = (
    *("facebook.com", "x.com", "twitter.com", "instagram.com", "linkedin.com", "pinterest.com", "tiktok.com"),
    *(
        "youtube.com",
        "reddit.com",
        "vk.com",
        "tumblr.com",
        "threads.net",
        "bsky.app",
        "mastodon.social",
        "t.me",
    ),
    *("snapchat.com", "xing.com", "weibo.com", "ok.ru"),
)
_FORUMS: Final = ("stackoverflow.com", "stackexchange.com", "superuser.com", "serverfault.com", "quora.com")
_DIRECTORIES: Final = (
    *("yelp.com", "yellowpages.com", "crunchbase.com", "dmoz.org", "curlie.org", "botw.org", "hotfrog.com"),
    *("clutch.co", "trustpilot.com", "gelbeseiten.de", "pagesjaunes.fr", "paginasamarillas.es"),
)
_NEWS: Final = (
    *("bbc.co.uk", "bbc.com", "nytimes.com", "theguardian.com", "reuters.com", "apnews.com", "lemonde.fr"),
    *("spiegel.de", "elpais.com", "corriere.it", "washingtonpost.com", "bloomberg.com", "cnn.com"),
)

BUILT_IN: Final = (
    SourceRule("told kind", told="source_kind"),
    SourceRule("comment location", "comment", semantic_location="comment"),
    SourceRule("social host", "social", domains=_SOCIAL, hosts=("news.ycombinator.com",)),
    SourceRule("wiki host", "wiki", domains=_WIKIS),
    SourceRule("wiki generator", "wiki", generator="mediawiki|dokuwiki|xwiki|tiki wiki|moinmoin"),
    SourceRule("wiki path", "wiki", url=r"/wikis?/"),
    SourceRule(
        "member page", "profile", url=r"/(?:profiles?|members?|users?)/[^/?#]+|/(?:member|profile)\.php\b"
    ),
    SourceRule("forum host", "forum", domains=_FORUMS),
    SourceRule(
        "forum generator",
        "forum",
        generator="phpbb|vbulletin|discourse|xenforo|mybb|simple machines|smf|vanilla|flarum|invision",
    ),
    SourceRule(
        "forum path",
        "forum",
        url=r"/(?:forums?|boards?|threads?|topics?)/|//forums?\.|/(?:viewtopic|viewforum|showthread)\.php\b",
    ),
    SourceRule("directory host", "directory", domains=_DIRECTORIES),
    SourceRule(
        "directory path",
        "directory",
        url=r"/(?:[a-z]+-)?(?:director(?:y|ies)|listings?|link-?list|submit-?(?:url|link|site)|add-?url)"
        r"(?:/|\.|$)",
    ),
    SourceRule("comment path", "comment", url=r"/comments?(?:/|-page-|\?|$)|[?&](?:replytocom|comment_?id)="),
    SourceRule("ugc", "comment", rel="ugc"),
    SourceRule(
        "guest post path", "guest_post", url=r"/(?:guest-?(?:posts?|blogs?|authors?|articles?|bloggers?))\b"
    ),
    SourceRule("link farm", "directory", semantic_location="content", links_external_from=100),
    SourceRule("news host", "news", domains=_NEWS),
    SourceRule(
        "news path", "news", url=r"/(?:news|press-releases?|nachrichten|noticias|actualites|notizie)/"
    ),
    SourceRule("boilerplate nav", "other", semantic_location="nav"),
    SourceRule("boilerplate header", "other", semantic_location="header"),
    SourceRule("boilerplate footer", "other", semantic_location="footer"),
    SourceRule("boilerplate aside", "other", semantic_location="aside"),
    SourceRule("in content", "editorial", semantic_location="content"),
    SourceRule("placement", None, "manual", told="placement"),
    SourceRule("campaign", None, "manual", told="campaign"),
    SourceRule("told acquisition", told="acquisition"),
    SourceRule("sponsored", None, "manual", rel="sponsored"),
    SourceRule("guest or influencer", None, "manual", kinds=("guest_post", "influencer")),
    SourceRule(
        "written by its users", None, "self_created", kinds=("comment", "forum", "profile", "directory")
    ),
    SourceRule(
        "editorial in content", None, "natural", semantic_location="content", kinds=("editorial", "news")
    ),
)
"""What holds where no rule of the user's does, in order."""


def refresh_rules(connection: DuckDBPyConnection) -> None:
    """Bring rows and macros to what this program makes of the rules of the user's, if they are not; alone.

    Before the views are made: these call the macros.
    """
    columns = ", ".join(item.name for item in fields(SourceRule))
    query = f"SELECT {columns} FROM internal.source_rules WHERE is_yours ORDER BY rule_number"  # noqa: S608
    told = connection.execute(query).fetchall()
    yours = [_rule_of(row) for row in told]
    fingerprint = hashlib.sha256(rules_sql((*yours, *BUILT_IN)).encode()).hexdigest()
    stored = connection.execute(
        "SELECT value FROM internal.settings WHERE name = ?", [_FINGERPRINT]
    ).fetchall()
    if stored == [(fingerprint,)]:
        return
    connection.execute("BEGIN").fetchall()
    store_rules(connection, yours)
    connection.execute("COMMIT").fetchall()


def _rule_of(row: tuple[Any, ...]) -> SourceRule:
    told: dict[str, Any] = {}
    for item, cell in zip(fields(SourceRule), row, strict=True):
        told[item.name] = tuple(cell) if isinstance(cell, list) else cell
    return SourceRule(**told)


def _row_of(number: int, rule: SourceRule, *, is_yours: bool) -> list[object]:
    name, *rest = [list(cell) if isinstance(cell, tuple) else cell for cell in astuple(rule)]
    return [number, name, is_yours, *rest]


def store_rules(connection: DuckDBPyConnection, yours: Sequence[SourceRule]) -> None:
    """Put rules of the user's before ours, in the transaction that is open."""
    rules = (*yours, *BUILT_IN)
    connection.execute("DELETE FROM internal.source_rules").fetchall()
    connection.execute("DELETE FROM internal.source_domains").fetchall()
    connection.executemany(
        "INSERT INTO internal.source_rules VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_row_of(number, one, is_yours=number <= len(yours)) for number, one in enumerate(rules, 1)],
    )
    connection.execute(
        "INSERT INTO internal.source_domains "
        "SELECT domain_name, list(rule_number ORDER BY rule_number) FROM ("
        "SELECT rule_number, unnest(domains) AS domain_name FROM internal.source_rules) GROUP BY domain_name"
    ).fetchall()
    text = rules_sql(rules)
    connection.execute(text).fetchall()
    connection.execute(
        "INSERT OR REPLACE INTO internal.settings VALUES (?, ?)",
        [_FINGERPRINT, hashlib.sha256(text.encode()).hexdigest()],
    ).fetchall()


def rules_sql(rules: Sequence[SourceRule]) -> str:
    """Return the text of the macros that find the first rule of a link.

    They call no other macro: the narrow copies of views call them from elsewhere.
    """
    numbered = list(enumerate(rules, 1))
    patterns = joined([pattern for one in rules for pattern in url_patterns(one)])
    of_kind = [(n, one) for n, one in numbered if _tells_kind(one)]
    of_acquisition = [(n, one) for n, one in numbered if one.acquisition or one.told == "acquisition"]
    given = "url, is_url, domain_rules, rel, link_type, generator, location, links_external"
    of_number = {
        "kind": [(one.source_kind, one.told == "source_kind") for one in rules],
        "acquisition": [(one.acquisition, one.told == "acquisition") for one in rules],
    }
    names = "".join(f"{_named(what, rows)};\n" for what, rows in of_number.items())
    return names + (
        # One pass over the text tells of most links that no pattern of any rule is in it.
        "CREATE OR REPLACE MACRO internal.has_rule_pattern(url) AS "
        f"regexp_matches(url, {_quoted(patterns)});\n"
        f"CREATE OR REPLACE MACRO internal.kind_rule({given}, told_kind) AS {_first(of_kind, of_kind)};\n"
        f"CREATE OR REPLACE MACRO internal.acquisition_rule({given}, kind_number, told_kind, "
        f"told_acquisition, campaign, is_placed) AS {_first(of_acquisition, of_kind)};\n"
    )


def _named(what: str, rows: Iterable[tuple[str | None, bool]]) -> str:
    """Return the macro for what the rule of a number tells: to look into a list is faster than to join."""
    told = list(rows)
    listed = ", ".join("NULL" if name is None else _quoted(name) for name, _ in told)
    of_event = next((number for number, (_, is_told) in enumerate(told, 1) if is_told), 0)
    return (
        f"CREATE OR REPLACE MACRO internal.{what}_of_rule(number, told) AS coalesce("
        f"CASE WHEN number = {of_event} THEN told ELSE [{listed}][number] END, 'unknown')"
    )


def _tells_kind(rule: SourceRule) -> bool:
    return rule.source_kind is not None or rule.told == "source_kind"


def url_patterns(rule: SourceRule) -> list[str]:
    """Return what may be found in the URL of a link for which a rule holds."""
    hosts = "|".join(re.escape(host) for host in rule.hosts)
    of_hosts = [f"^[a-z]+://(?:[^/?#]*\\.)?(?:{hosts})(?:[:/?#]|$)"] if hosts else []
    return of_hosts + ([] if rule.url is None else [rule.url])


def _first(rules: Iterable[tuple[int, SourceRule]], of_kind: Iterable[tuple[int, SourceRule]]) -> str:
    """Return an expression for the number of the first rule that holds."""
    branches = " ".join(f"WHEN {_condition(number, one, of_kind)} THEN {number}" for number, one in rules)
    return f"CASE {branches} END"


def _condition(number: int, rule: SourceRule, of_kind: Iterable[tuple[int, SourceRule]]) -> str:
    parts = [
        _place(number, rule),
        "" if rule.rel is None else f"contains(' ' || rel || ' ', {_quoted(f' {rule.rel} ')})",
        "" if rule.semantic_location is None else f"location = {_quoted(rule.semantic_location)}",
        "" if rule.link_type is None else f"link_type = {_quoted(rule.link_type)}",
        "" if rule.links_external_from is None else f"links_external >= {rule.links_external_from:d}",
        _of_kinds(rule.kinds, of_kind) if rule.kinds else "",
        _TOLD[rule.told] if rule.told is not None else "",
        "" if rule.url is None else f"is_url AND regexp_matches(url, {_quoted(rule.url)})",
        "" if rule.generator is None else f"regexp_matches(generator, {_quoted(rule.generator)})",
    ]
    return " AND ".join(part for part in parts if part)


def _place(number: int, rule: SourceRule) -> str:
    ways = [f"list_contains(domain_rules, {number})"] if rule.domains else []
    if rule.hosts:
        ways.append(f"is_url AND regexp_matches(url, {_quoted(url_patterns(rule)[0])})")
    return "(" + " OR ".join(ways) + ")" if ways else ""


def _of_kinds(kinds: Sequence[str], of_kind: Iterable[tuple[int, SourceRule]]) -> str:
    """Return whether the rule of the kind that fired tells one of these."""
    numbers = [str(number) for number, one in of_kind if one.source_kind in kinds]
    # The number is named once: whoever plans a query may put all that makes it in the place of each name.
    ways = [f"kind_number IN ({', '.join(numbers)})"] if numbers else []
    ways += [
        f"kind_number = {number} AND told_kind IN ({', '.join(map(_quoted, kinds))})"
        for number, one in of_kind
        if one.told == "source_kind"
    ]
    ways += ["kind_number IS NULL"] if "unknown" in kinds else []
    return "(" + " OR ".join(ways) + ")"


def _quoted(text: str) -> str:
    """Return a text as a literal of DuckDB, in which a quote alone has a meaning."""
    return "'" + text.replace("'", "''") + "'"


_TOLD: Final = {
    "source_kind": "told_kind IN (" + ", ".join(map(_quoted, KINDS)) + ")",
    "acquisition": "told_acquisition IN (" + ", ".join(map(_quoted, ACQUISITIONS)) + ")",
    "campaign": "campaign IS NOT NULL",
    "placement": "is_placed",
}
