"""The macros of authority on rows made by hand: what is cut, too small, unknown, or hostile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hand_made_store import Store, Story, day, domain_key

from linktide.errors import RefusedQueryError
from linktide.store.reader import ReaderPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALPHA, BASE = 0.85, 0.15
HOSTILE = (
    "nobody.com",
    "",
    "b.com'; DROP TABLE internal.links; --",
    "b.com' OR '1'='1",
    "%",
    "\x1b]0;owned\x07",
    "<script>alert(1)</script>",
    "ß" * 5_000,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.duckdb") as one:
        yield one


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def web(*pairs: tuple[str, str]) -> Story:
    story = Story()
    for number, (source, target) in enumerate(pairs, start=1):
        story.link(number, f"{source}/{number}", f"{target}/").state(
            number, 1, started_at=day(1), last_seen=day(1)
        )
        story.life(number, day(1))
    return story.domains(*{name for pair in pairs for name in pair})


def contributions(
    story: Story, name: str, at: float, edges: dict[str, tuple[float, float]], rest: tuple[int, float]
) -> Story:
    """Tell a stored day: source → (citation, out_weight); `rest` is (links, what they pass)."""
    passed = {source: ALPHA * x / total for source, (x, total) in edges.items()}
    common = {"domain_key": domain_key(name), "scored_at": day(at)}
    for source, (x, total) in edges.items():
        story.add(
            "authority_contributions", source_dom_key=domain_key(source), source_citation=x, weight=1.0,
            out_weight=total, contribution=passed[source], links=1, **common,
        )  # fmt: skip
    citation = BASE + sum(passed.values()) + rest[1]
    story.add(
        "authority_contributions",
        links=rest[0],
        contribution=rest[1],
        prior=BASE,
        citation=citation,
        **common,
    )
    return story.add(
        "domain_scores",
        domain_key=domain_key(name),
        citation=citation,
        authority=10.0 + at,
        scored_at=day(at),
    )


def explained(store: Store, from_at: float, to_at: float, name: str = "b.com") -> list[dict[str, Any]]:
    times = ", ".join(f"TIMESTAMPTZ {quoted(day(at).isoformat())}" for at in (from_at, to_at))
    return store.dicts(f"FROM explain_authority({quoted(name)}, {times})")


def test_an_edge_that_may_lie_below_the_cut_is_told_as_others(store: Store) -> None:
    story = web(("a.com", "b.com"), ("c.com", "b.com"), ("d.com", "b.com"), ("e.com", "b.com"))
    before = {"a.com": (1.0, 1.0), "c.com": (2.0, 4.0)}
    after = {"a.com": (3.0, 2.0), "d.com": (0.6, 1.0)}
    store.put(contributions(story, "b.com", 2, before, (0, 0.0)), day(2))
    store.put(contributions(Story(sides=story.sides), "b.com", 3, after, (7, 0.25)), day(3))
    rows = {(row["part"], row["source_domain"]): row for row in explained(store, 2, 3)}
    assert {key: round(row["contribution"], 12) for key, row in rows.items()} == {
        # The first day is not cut: what it lacks was not there. The second is: c.com may be among the 7.
        ("gained", "d.com"): round(ALPHA * 0.6, 12),
        ("others", "c.com"): round(-ALPHA * 0.5, 12),
        ("others", None): 0.25,
        ("source_rank", "a.com"): round(ALPHA * 2 * 0.75, 12),
        ("dilution", "a.com"): round(ALPHA * 2 * -0.5, 12),
        ("residual", None): 0.0,
    }
    assert {(row["domain_authority_before"], row["domain_authority_after"]) for row in rows.values()} == {
        (12, 13)
    }
    back = {(row["part"], row["source_domain"]): row["contribution"] for row in explained(store, 3, 2)}
    assert back["lost", "d.com"] == -rows["gained", "d.com"]["contribution"]
    assert sum(back.values()) == pytest.approx(-sum(row["contribution"] for row in rows.values()))


def test_the_residual_is_what_was_published_beyond_the_days(store: Store) -> None:
    story = web(("a.com", "b.com"))
    store.put(contributions(story, "b.com", 2, {"a.com": (1.0, 1.0)}, (0, 0.0)), day(2))
    later = Story().add(
        "domain_scores", domain_key=domain_key("b.com"), citation=5.0, authority=30.0, scored_at=day(2.5)
    )
    store.put(later, day(2.5))
    (row,) = explained(store, 2.2, 2.9)
    assert (row["part"], row["contribution"]) == ("residual", pytest.approx(5.0 - BASE - ALPHA))
    assert row["stored_before_at"] == row["stored_after_at"] == day(2)
    (nothing,) = explained(store, 1.9, 2.9)
    assert (nothing["part"], nothing["note"]) == (None, "not tracked yet: nothing is stored before from_at")


def test_a_graph_too_small_shows_no_points_and_says_so(store: Store) -> None:
    story = web(("a.com", "b.com"))
    store.put(
        contributions(story, "b.com", 2, {"a.com": (1.0, 1.0)}, (0, 0.0)), day(2), is_authority_shown=False
    )
    total, edge = store.dicts("FROM what_if('b.com', ['new.com'], NULL)")
    points = [name for name in total if name.startswith("domain_authority")]
    assert len(points) == 4
    assert {total[name] for name in points} == {None}
    assert (total["note"], total["contribution"]) == ("graph too small", pytest.approx(ALPHA * BASE))
    assert (edge["source_domain"], edge["note"]) == ("new.com", "new: no link has named it")
    (row,) = explained(store, 2, 3)
    assert (row["note"], row["domain_authority_after"]) == ("graph too small", None)


def test_what_counts_as_nothing_says_why(store: Store) -> None:
    store.put(web(("a.com", "b.com"), ("b.com", "a.com"), ("a.com", "c.com")), day(2))
    rows = store.dicts(
        "FROM what_if('B.com', ['b.com', 'A.com', 'c.com', NULL], ['a.com', 'c.com', 'c.com'])"
    )
    notes = {row["source_domain"]: (row["contribution"], row["note"]) for row in rows[1:]}
    assert notes == {
        "a.com": (None, "gained and lost: it counts as neither"),
        "b.com": (None, "the domain itself: it counts as neither"),
        "c.com": (None, "gained and lost: it counts as neither"),
    }
    assert rows[0]["contribution"] == rows[0]["error_bound"] == 0
    (_, lost) = store.dicts("FROM what_if('b.com', [], ['c.com'])")
    assert (lost["contribution"], lost["note"]) == (0, "has no followed link to the domain")


def test_names_are_values_whatever_they_hold(store: Store) -> None:
    story = web(("a.com", "b.com"))
    store.put(contributions(story, "b.com", 2, {"a.com": (BASE, 1.0)}, (0, 0.0)), day(2))
    before = store.all("SELECT count(*) FROM internal.links")
    with ReaderPool.of(store.database) as pool:
        for name in HOSTILE:
            text = quoted(name)
            (row,) = pool.query(f"FROM what_if({text}, [{text}], [])").table.to_pylist()
            assert (row["note"], row["contribution"]) == ("unknown domain", None)
            (row,) = pool.query(f"FROM explain_authority({text}, now(), now())").table.to_pylist()
            assert (row["note"], row["citation_before"]) == ("unknown domain", None)
            total, named = pool.query(f"FROM what_if('b.com', [{text}], [])").table.to_pylist()
            assert named["source_domain"] == name.lower()
            assert total["contribution"] == pytest.approx(ALPHA * BASE)
        assert pool.query("FROM what_if(NULL, NULL, NULL)").table.num_rows == 1
        for wrong in ("what_if('b.com', 'a.com', [])", "explain_authority('b.com', 'yesterday', now())"):
            with pytest.raises(RefusedQueryError):
                pool.query(f"FROM {wrong}")
    assert store.all("SELECT count(*) FROM internal.links") == before
