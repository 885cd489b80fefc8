"""A number or time that a macro cannot mean is refused by its name, its value and what is wanted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
import pytest
from hand_made_store import Store, Story, day

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE = "wanted a whole number from 1 to 10000"
DAYS = "wanted a number of days from 0 to 36500"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    story = Story().link(1, "a.com/", "b.com/").life(1, day(1))
    story.state(1, 1, started_at=day(1), last_seen=day(1))
    with Store(tmp_path_factory.mktemp("ranges") / "a.duckdb") as one:
        one.put(story.domains("a.com", "b.com"), day(9))
        yield one


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("link_outlook('{}', horizon_days := -5)", f"horizon_days is -5; {DAYS}"),
        ("link_outlook('{}', horizon_days := 36501)", f"horizon_days is 36501; {DAYS}"),
        ("link_outlook('{}', horizon_days := NULL)", f"horizon_days is null; {DAYS}"),
        ("value_at_risk('{}', horizon_days := -0.5)", f"horizon_days is -0.5; {DAYS}"),
        ("link_intersect(['{}'], 0)", f"least is 0; {WHOLE}"),
        ("backlink_gap('a.com', ['{}'], 1.5)", f"least is 1.5; {WHOLE}"),
        ("outreach_targets('a.com', rivals := ['{}'], least := -1)", f"least is -1; {WHOLE}"),
        ("outreach_targets('a.com', rivals := ['{}'], least := NULL)", f"least is null; {WHOLE}"),
        ("link_intersect(['{}'], 'two')", f"least is two; {WHOLE}"),
        ("toxic_links_of_day('{}', -1)", "day is -1; wanted a whole number from 0 to 28"),
        ("toxic_links_of_day('{}', 29)", "day is 29; wanted a whole number from 0 to 28"),
        ("link_cascades('{}', after_days := NULL)",
         "after_days is null; wanted a whole number of days from 1 to 36500"),
        ("diversification('{}', from_day := '2026-02-01', to_day := '2026-01-31')",
         "to_day is 2026-01-31; wanted a day from from_day, 2026-02-01, on"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused(store: Store, call: str, told: str) -> None:
    # Of a domain without links nothing is computed by a horizon.
    for domain in ("b.com",) if "horizon" in call else ("b.com", "nobody.org"):
        with pytest.raises(duckdb.Error, match=re.escape(told)):
            store.all(f"FROM {call.format(domain)}")


@pytest.mark.parametrize(
    "call",
    [
        "link_outlook('b.com', horizon_days := 0)",
        "link_outlook('b.com', horizon_days := 36500)",
        "value_at_risk('b.com', horizon_days := 0.25)",
        "link_intersect(['b.com'], 1)",
        # As a client sends a parameter whose type it does not know.
        "link_intersect(['b.com'], '1')",
        "toxic_links_of_day('b.com', '28')",
        "link_cascades('b.com', after_days := '7')",
        "outreach_targets('a.com', rivals := ['b.com'], least := 10000)",
        "toxic_links_of_day('b.com', 28)",
        "diversification('b.com', from_day := '2026-01-31', to_day := '2026-01-31')",
        "diversification('b.com', to_day := '2026-01-31')",
        # Told from the later to the earlier time, too.
        "explain_authority('b.com', '2026-02-01', '2026-01-31')",
    ],
)
def test_both_ends_of_a_range_are_in_it(store: Store, call: str) -> None:
    store.all(f"FROM {call}")
