"""The narrow copies of the views tell what the views tell."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from linktide.store.database import HOME, Database, StoreSettings
from linktide.store.narrow import NarrowViews
from pipeline import whole
from pipeline.arrivals import arrivals, side_by_side
from pipeline.real_runs import RealRun, needs_data


def compare(path: Path) -> int:
    """Compare every column of every copy with the view's; return how many rows the largest view has."""
    database = Database.open(StoreSettings(path), whole.none_new, datetime.now(UTC))
    most = 0
    try:
        cursor = database.cursor()
        views = NarrowViews(cursor)
        whole_views = views.whole()
        for search_path, copy in views.copies():
            for view in copy.keys() & whole_views.keys() - {"links_of"}:
                assert copy[view] <= whole_views[view]
                names = sorted(copy[view])
                cursor.execute(f"SET search_path = '{HOME}'").fetchall()
                types = cursor.sql(f"SELECT {', '.join(names)} FROM {view} LIMIT 0").types  # noqa: S608
                # Sums of fractions are rounded as their terms come, which is in no order.
                columns = ", ".join(
                    f"round({name}, 9) AS {name}" if str(kind) == "DOUBLE" else name
                    for name, kind in zip(names, types, strict=True)
                )
                answers = []
                for one in (HOME, search_path):
                    cursor.execute(f"SET search_path = '{one}'").fetchall()
                    ordered = f"SELECT {columns} FROM {view} ORDER BY ALL"  # noqa: S608 - our own names
                    answers.append(cursor.sql(ordered).to_arrow_table())
                assert answers[0].equals(answers[1]), (search_path, view)
                most = max(most, answers[0].num_rows)
    finally:
        database.close()
    return most


@examples(3)
@given(st.data())
def test_copies_agree_with_the_views(data: st.DataObject) -> None:
    arrival = data.draw(arrivals(data.draw(side_by_side(most=4))))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        arrival.run(path)
        compare(path)


@needs_data
@pytest.mark.xdist_group("page_hrefs")
def test_copies_agree_with_the_views_of_many_domains(page_hrefs: RealRun) -> None:
    assert compare(page_hrefs.path) > 0
