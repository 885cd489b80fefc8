"""Context, relevance and toxicity equal the brute force, on generated histories."""

# ruff: noqa: S608 - names of domains of our own

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from oracle import context_views, toxic_views
from oracle.context_views import rounded
from oracle.histories import PAGES, histories
from oracle.mine import Mine
from oracle.model import derive
from oracle.shown import SHARE_DIGITS
from oracle.source_pages import told_by_pages
from oracle.toxic_views import POINTS, Known
from pipeline import whole
from pipeline.arrivals import arrivals, move

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oracle.model import State

    Query = Callable[[str], Sequence[tuple[object, ...]]]

DOMAINS = sorted({f"h0{domain}" for _, domain in PAGES})
"""As `move` writes them."""
TERMS = ("domain,kind,term\n", *(f"{name},money,a\n{name},brand,buy NOW\n" for name in DOMAINS))
POINTS_TOLD = {
    "link_farm_page": 50,
    "same_block": 0,
    "lang_mismatch": 0,
    "noindex": 0,
    "citation_trust_ratio": 0,
}
"""So that few fields tell half of the markers."""


def known_of(*, is_told: bool) -> tuple[dict[str, str], Known]:
    """Return files of the user's, and the same for the brute force."""
    if not is_told:
        return {}, Known()
    terms = tuple(
        (name, kind, term) for name in DOMAINS for kind, term in (("money", "a"), ("brand", "buy NOW"))
    )
    markers = "marker,points\n" + "".join(f"{name},{points}\n" for name, points in POINTS_TOLD.items())
    files = {"terms": "".join(TERMS), "markers": markers, "blocklists": f"domain\n{DOMAINS[0]}\n"}
    return files, Known(Mine(terms), None, {}, frozenset(DOMAINS[:1]), POINTS_TOLD, with_twins=True)


def of_targets(state: State, name: str) -> dict[str, str]:
    """Return what targets told last of themselves."""
    told = told_by_pages((*state.pages, *state.answers))
    return {url: of[name] for url, of in told.items() if name in of}


def compare(query: Query, state: State, domain: str, known: Known) -> None:
    mix = [(*row[:2], rounded(row[2]), row[3], rounded(row[4]), rounded(row[5]))  # type: ignore[arg-type]
           for row in query(f"FROM context_mix('{domain}')")]  # fmt: skip
    assert sorted(mix, key=repr) == sorted(context_views.context_mix(state, domain), key=repr)
    relevance = query(
        f"SELECT source_url, target_url, source_domain, round(relevance, {SHARE_DIGITS}), "
        f"round(anchor_relevance, {SHARE_DIGITS}), common_words FROM link_relevance('{domain}')"
    )
    wanted = context_views.link_relevance(state, domain, known.mine, of_targets(state, "title"))
    known = replace(known, languages=of_targets(state, "language"))
    assert sorted(relevance, key=repr) == sorted(wanted, key=repr)
    twins = f"twins := (SELECT list(t) FROM twin_profiles('{domain}') t)"
    told = f"'{domain}', {twins}" if known.with_twins else f"'{domain}'"
    columns = ", ".join(
        ("source_url, target_url, source_domain, toxicity, markers_evaluated, markers_fired", *POINTS)
    )
    shown = query(f"SELECT {columns} FROM link_toxicity({told})")
    assert sorted(shown, key=repr) == sorted(toxic_views.link_toxicity(state, domain, known), key=repr)
    of_domains = query(f"FROM toxicity({told})")
    assert sorted(of_domains, key=repr) == sorted(toxic_views.toxicity(state, domain, known), key=repr)
    gained = query(
        "SELECT day_number, epoch_us(from_at), epoch_us(until_at), gained_links, rated_links, toxic_links "
        f"FROM toxic_links_gained('{domain}')"
    )
    assert list(gained) == toxic_views.toxic_links_gained(state, domain, known)
    for day in (0, 1, 28):
        worst = query(
            "SELECT source_url, target_url, source_domain, epoch_us(started_at), toxicity, markers_fired "
            f"FROM toxic_links_of_day('{domain}', {day})"
        )
        assert sorted(worst) == sorted(toxic_views.toxic_links_of_day(state, domain, known, day))


@examples(6)
@given(st.data(), st.booleans())
def test_what_speaks_against_links_equals_the_brute_force(data: st.DataObject, is_told: bool) -> None:  # noqa: FBT001
    arrival = data.draw(arrivals(move(data.draw(histories(max_events=40)), 0)))
    files, known = known_of(is_told=is_told)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        named: dict[str, Any] = {}
        for kind, content in files.items():
            file = Path(folder) / f"{kind}.csv"
            file.write_text(content, encoding="utf-8")
            named[f"mine_{kind}"] = (file,) if kind == "blocklists" else file
        arrival.run(path, **named)
        state = derive(arrival.events)
        if state.clock is None:
            return
        with whole.opened(path) as stopped:
            assert stopped.query("SELECT refused_because FROM mine_files WHERE refused_at IS NOT NULL") == []
            for domain in DOMAINS:
                compare(stopped.query, state, domain, known)
