"""Generated histories through the whole pipeline equal the brute force, view by view."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from oracle.compare import assert_same
from oracle.histories import PAGES
from oracle.model import derive
from pipeline import whole
from pipeline.arrivals import SPELLINGS, arrivals, side_by_side
from pipeline.rows_of_sources import check_agreement
from pipeline.rows_of_times import (
    check_as_of,
    check_broken_a_day_ago,
    check_compare,
    check_diffs,
    check_survival,
)

if TYPE_CHECKING:
    from linktide.index import LinkIndex
    from oracle.model import State


def check_numbers(index: LinkIndex, state: State) -> None:
    """What the core counts is what the views list."""
    live = [link for link in state.links.values() if link.is_live]
    numbers = index.numbers()
    assert (numbers["live_links"], numbers["known_links"]) == (len(live), len(state.links))
    names = sorted({link.target_domain for link in state.links.values()})
    backlinks = Counter(link.target_domain for link in live if not link.is_internal)
    counted = index.domain_numbers(names)
    assert {name: found and found.live_links for name, found in zip(names, counted, strict=True)} == {
        name: backlinks[name] for name in names
    }


@examples(12)  # each of about three histories
@given(st.data())
def test_every_view_equals_the_brute_force(data: st.DataObject) -> None:
    history = data.draw(side_by_side(most=5))
    arrival = data.draw(arrivals(history))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        index = arrival.run(path)
        state = derive(arrival.events)
        check_numbers(index, state)
        with whole.opened(path) as stopped:
            assert_same(stopped.query, state)
            check_numbers(stopped.index, state)
            chance = data.draw(st.randoms(use_true_random=False))
            check_as_of(stopped.query, arrival.events, chance)
            check_broken_a_day_ago(stopped.query, arrival.events, chance)
            check_diffs(stopped.query, arrival.events, chance)
            check_compare(stopped.query, arrival.events, chance)
            check_survival(stopped.query, state, chance)
            check_agreement(stopped.query, state, arrival.events)


def test_spellings_are_one_url() -> None:
    urls = [url for url, _ in PAGES]
    spelt = [respell(url) for respell in SPELLINGS for url in urls]
    assert len(set(spelt)) == len(spelt)
    identities = whole.identify([(url, urls[0]) for url in spelt])
    assert [found.source_url for found in identities if not isinstance(found, str)] == urls * len(SPELLINGS)
