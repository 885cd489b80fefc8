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

from linktide.store.source_rules import BUILT_IN, SourceRule, pattern_trouble, rules_sql, store_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

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


@pytest.mark.parametrize("pattern", ["(", "a{2000}", "(?=x)", "", "x*", ".*", "a\nb", "y" * 501])
def test_patterns_that_cannot_be_meant_are_refused(pattern: str) -> None:
    assert pattern_trouble(pattern) is not None


def test_a_sound_pattern_is_taken() -> None:
    assert pattern_trouble("/(forum|board)/") is None


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
