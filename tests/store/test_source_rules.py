"""Rules of kinds: one link for each, a labelled set with its precision, and text that would be SQL."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hand_made_store import Store, Story, day
from hypothesis import given
from hypothesis import strategies as st

from linktide.store.rule_patterns import (
    MAX_PATTERN_SIZE,
    MAX_PATTERNS_SIZE,
    joined,
    pattern_size,
    pattern_trouble,
    scratch_connection,
    together_trouble,
)
from linktide.store.source_rules import BUILT_IN, SourceRule, rules_sql, store_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection


def _all(rules: Sequence[SourceRule]) -> Iterator[str]:
    return (one for rule in rules for one in (rule.url, rule.generator) if one is not None)


LABELLED = Path(__file__).parent / "labelled_sources.csv"
LEAST_PRECISION = 0.9

EXAMPLES: dict[str, dict[str, str]] = {
    # Rule → a link of which it is the first to hold: URL, then attributes.
    "told kind": {"url": "https://a.example/forum/x", "source_kind": "editorial"},
    "comment location": {"url": "https://a.example/post", "semantic_location": "comment"},
    "social host": {"url": "https://m.facebook.com/groups/1"},
    "wiki host": {"url": "https://de.wikipedia.org/wiki/Schuh"},
    "wiki generator": {"url": "https://a.example/Schuh", "generator": "MediaWiki 1.42.1"},
    "wiki path": {"url": "https://a.example/wiki/Schuh"},
    "member page": {"url": "https://a.example/members/anna-12"},
    "forum host": {"url": "https://dba.stackexchange.com/questions/1"},
    "forum generator": {"url": "https://a.example/t/1", "generator": "Discourse 3.2"},
    "forum path": {"url": "https://a.example/viewtopic.php?t=1"},
    "directory host": {"url": "https://www.yelp.com/biz/a"},
    "directory path": {"url": "https://a.example/business-directory/shoes"},
    "comment path": {"url": "https://a.example/post?replytocom=7"},
    "ugc": {"url": "https://a.example/post", "rel": "nofollow ugc"},
    "guest post path": {"url": "https://a.example/guest-posts/shoes"},
    "link farm": {"url": "https://a.example/all", "semantic_location": "content", "links_external": "100"},
    "news host": {"url": "https://www.bbc.co.uk/sport/1"},
    "news path": {"url": "https://a.example/news/2026/1"},
    "boilerplate nav": {"url": "https://a.example/", "semantic_location": "nav"},
    "boilerplate header": {"url": "https://a.example/", "semantic_location": "header"},
    "boilerplate footer": {"url": "https://a.example/", "semantic_location": "footer"},
    "boilerplate aside": {"url": "https://a.example/", "semantic_location": "aside"},
    "in content": {"url": "https://a.example/", "semantic_location": "content"},
}
ACQUIRED: dict[str, dict[str, str]] = {
    "campaign": {"url": "https://a.example/", "campaign_id": "spring"},
    "told acquisition": {"url": "https://a.example/", "acquisition": "natural"},
    "sponsored": {"url": "https://a.example/", "rel": "sponsored"},
    "guest or influencer": {"url": "https://a.example/guest-post/1"},
    "written by its users": {"url": "https://a.example/forum/1"},
    "editorial in content": {"url": "https://a.example/", "semantic_location": "content"},
}
"""The rule `placement` has its example among the placements."""


def domain_of(url: str) -> str:
    host = url.split("/")[2]
    parts = host.split(".")
    return ".".join(parts[-3:] if host.endswith(".co.uk") else parts[-2:])


def classed(store: Store, examples: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """Return link_kinds of these links, in order."""
    story = Story()
    for number, one in enumerate(examples, 1):
        others = {name: text for name, text in one.items() if name not in {"url", "rel", "label"}}
        attributes = json.dumps(others) if others else None
        story.link(number, domain_of(one["url"]), "mine.org", rel=one.get("rel"), attributes=attributes)
        story.records["links"][-1] |= {"source_url": one["url"], "attributes_at": day(1)}
        story.state(number, 1, started_at=day(1), last_seen=day(1))
    store.put(story, clock=day(2))
    return store.dicts("FROM link_kinds ORDER BY link_id")


def test_every_rule_has_an_example() -> None:
    kinds = {one.rule for one in BUILT_IN if one.source_kind is not None or one.told == "source_kind"}
    assert kinds == set(EXAMPLES)
    assert {one.rule for one in BUILT_IN} - kinds - {"placement"} == set(ACQUIRED)


def test_every_rule_fires_for_its_example(tmp_path: Path) -> None:
    with Store(tmp_path / "a.duckdb") as store:
        rows = classed(store, [*EXAMPLES.values(), *ACQUIRED.values(), {"url": "https://a.example/x"}])
    assert [row["kind_rule"] for row in rows[: len(EXAMPLES)]] == list(EXAMPLES)
    assert [row["acquisition_rule"] for row in rows[len(EXAMPLES) : -1]] == list(ACQUIRED)
    assert (rows[-1]["source_kind"], rows[-1]["kind_rule"]) == ("unknown", None)
    assert (rows[-1]["acquisition"], rows[-1]["acquisition_rule"]) == ("unknown", None)


def test_precision_on_the_labelled_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LABELLED.open(encoding="utf-8", newline="") as file:
        examples = [{name: text for name, text in row.items() if text} for row in csv.DictReader(file)]
    with Store(tmp_path / "a.duckdb") as store:
        rows = classed(store, examples)
    pairs = [(one["label"], row["source_kind"]) for one, row in zip(examples, rows, strict=True)]
    told = [(label, kind) for label, kind in pairs if kind != "unknown"]
    right = sum(label == kind for label, kind in told)
    by_kind = Counter(kind for _, kind in told)
    with capsys.disabled():
        sys.stdout.write(
            f"\nsource kinds: {len(pairs)} links, {len(told)} told, precision {right / len(told):.3f}; "
        )
        for kind, count in sorted(by_kind.items()):
            sys.stdout.write(f"{kind} {sum(pair == (kind, kind) for pair in told)}/{count} ")
        sys.stdout.write("\n")
    assert right / len(told) >= LEAST_PRECISION
    assert len(told) < len(pairs), "the set has links of which nothing can be told"


def test_a_campaign_is_asked_before_what_the_event_told(tmp_path: Path) -> None:
    """As docs/mine.md says; that placements are, too, the generated histories of tests/pipeline hold."""
    with Store(tmp_path / "a.duckdb") as store:
        (row,) = classed(
            store, [{"url": "https://a.example/", "campaign_id": "spring", "acquisition": "natural"}]
        )
    assert (row["acquisition"], row["acquisition_rule"]) == ("manual", "campaign")


HOSTILE = (
    "'); DROP TABLE internal.links; --",
    "'' OR 1=1",
    "\\'",
    "$$",
    "/* ' */",
    "{}%s",
    "é'\"",
)


def test_hostile_rules_stay_texts(tmp_path: Path) -> None:
    found = {text: f"\\Q{text.lower()}\\E" for text in HOSTILE}
    rules = [
        SourceRule(
            f"rule {text}",
            "news",
            "natural",
            domains=(text,),
            hosts=(text,),
            url="xxxxxxxxx[']",
            generator=found[text],
        )
        for text in HOSTILE
    ]
    rules += [SourceRule(f"finds {text}", "wiki", url=found[text]) for text in HOSTILE]
    with Store(tmp_path / "a.duckdb") as store:
        store_rules(store.database.connection, rules)
        rows = classed(store, [{"url": f"https://a.example/{text}"} for text in HOSTILE])
        assert [row["kind_rule"] for row in rows] == [f"finds {text}" for text in HOSTILE]
        told = store.dicts("SELECT rule FROM source_rules WHERE is_yours ORDER BY rule_number")
        assert [row["rule"] for row in told] == [one.rule for one in rules]


def test_rules_of_the_user_come_first_and_survive_a_start(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with Store(path) as store:
        store_rules(store.database.connection, [SourceRule("mine", "influencer", domains=("facebook.com",))])
    with Store(path) as store:
        rows = classed(store, [{"url": "https://facebook.com/x"}])
        assert [(row["source_kind"], row["kind_rule"], row["acquisition"]) for row in rows] == [
            ("influencer", "mine", "manual")
        ]


@pytest.fixture(scope="module")
def scratch() -> Iterator[DuckDBPyConnection]:
    with scratch_connection() as opened:
        yield opened


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", "a{2000}", "(?=x)", "", "x*", ".*", "a\nb", "y" * 501),
        # One of these is sound alone, the other among others.
        *(r"/\Qblog", "a)|(?:b"),
        *(r"/x[\p{L}\p{N}]{1,200}end", "[a-z]{1,980}", "(?:a?){900}", "(?:(?:a{1,10}){1,10}){1,10}"),
    ],
)
def test_patterns_that_cannot_be_meant_are_refused(pattern: str, scratch: DuckDBPyConnection) -> None:
    assert pattern_trouble(pattern, scratch) is not None


@pytest.mark.parametrize(
    "pattern",
    ["/(forum|board)/", r"/\Qa|b(\E", r"[^/]{1,100}\.html?$", r"/\p{L}+-\p{N}{3}/", *_all(BUILT_IN)],
)
def test_a_sound_pattern_is_taken(pattern: str, scratch: DuckDBPyConnection) -> None:
    assert pattern_trouble(pattern, scratch) is None


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("abc", 3),
        ("ab{10}", 11),
        ("(?:ab){10}", 30),
        ("ab{2,4}", 45),
        ("b{3,}", 24),
        ("[a-z]{3}", 15),
        (r"\p{L}", 1_000),
        (r"[\pL\PN]{2}", 4_016),
        (r"\Qa{9}\E", 8),
        ("({[", 7),
        ("{9}", 0),
        ("a{5,2}", 5),
    ],
)
def test_a_pattern_counts_with_its_repetitions(pattern: str, size: int) -> None:
    assert pattern_size(pattern) == size


@given(st.text(alphabet=r"ab(){}[]^$|?*+.,\\QEpPLxd:129é", max_size=40))
def test_whatever_is_taken_can_stand_among_others(scratch: DuckDBPyConnection, text: str) -> None:
    if pattern_trouble(text, scratch) is None:
        told = scratch.execute(
            "SELECT regexp_matches('/wanted/', ?)", [joined(["other", text, "/wanted/"])]
        ).fetchall()
        assert told == [(True,)]


def test_patterns_that_are_wrong_or_too_many_name_the_first_that_does(scratch: DuckDBPyConnection) -> None:
    assert together_trouble([], list(_all(BUILT_IN)), scratch) is None
    for place in range(5):
        named = ["/a/", "/b/", "/c/", "/d/", "/e/"]
        named[place] = r"\Q"
        found = together_trouble(named, ["/ours/"], scratch)
        assert found is not None
        assert found[0] == place
        assert "is no regular expression" in found[1]
    heavy = [f"/{number:03}" + "[a-z]{800}" for number in range(13)]
    assert all(pattern_size(one) <= MAX_PATTERN_SIZE for one in heavy)
    found = together_trouble(heavy, [], scratch)
    assert found is not None
    assert found[0] == MAX_PATTERNS_SIZE // pattern_size(heavy[0])
    assert f"wanted at most {MAX_PATTERNS_SIZE:,}" in found[1]


def test_the_heaviest_patterns_are_those_re2_still_takes(scratch: DuckDBPyConnection) -> None:
    heavy = [r"\p{L}" + f"/{number:03}" for number in range(MAX_PATTERNS_SIZE // 1_004)]
    assert together_trouble(heavy, list(_all(BUILT_IN)), scratch) is None


def test_many_rules_make_macros_that_can_be_planned() -> None:
    rules = [SourceRule(f"r{number}", "news", url=f"/p{number}/") for number in range(500)]
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA internal")
        connection.execute(rules_sql((*rules, *BUILT_IN)))
        row = connection.execute(
            "SELECT internal.kind_rule(u, internal.has_rule_pattern(u), "
            "NULL, NULL, NULL, NULL, NULL, NULL, NULL) FROM (SELECT 'https://a.example/p499/' AS u)"
        ).fetchall()
    assert row == [(500,)]


def test_a_query_names_the_number_of_a_kind_once_a_rule() -> None:
    rules = [SourceRule(f"r{number}", "news", url=f"/p{number}/") for number in range(500)]
    rule = next(one for one in BUILT_IN if "news" in one.kinds)
    of_it = rules_sql((*rules, rule)).partition("acquisition_rule")[2].partition(" AS ")[2]
    assert of_it.count("kind_number") == 1
