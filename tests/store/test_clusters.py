"""The cluster form in SQL beside that of the core."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linktide.store.migrate import views_sql
from linktide.url.columns import normalize_urls

if TYPE_CHECKING:
    from collections.abc import Sequence

VECTORS = (Path(__file__).parents[2] / "docs" / "urls.md").read_text("utf-8").split("## Vectors")[1]


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("CREATE SCHEMA internal")
    text = views_sql()
    for name in ("without_www", "sorted_query", "kept_path", "cluster_of"):
        begin = text.index(f"CREATE OR REPLACE MACRO internal.{name}")
        made.execute(text[begin : text.index(";\n", begin)])
    return made


def check(connection: duckdb.DuckDBPyConnection, urls: Sequence[str]) -> int:
    kept = normalize_urls(pa.array(urls, pa.string()))
    rows = [row for row in kept.to_pylist() if row["url"] is not None]
    told = pa.table({"url": [row["url"] for row in rows], "domain": [row["domain"] for row in rows]})
    wanted = normalize_urls(told["url"].combine_chunks(), level="cluster").to_pylist()
    found = connection.execute("SELECT internal.cluster_of(url, domain) FROM told").fetchall()
    assert told.num_rows == len(rows)
    for row, (form,), cluster in zip(rows, found, wanted, strict=True):
        # A cluster form that is written as a URL has a scheme, and a path.
        bare = re.sub(r"^[a-z]+://", "", cluster["url"])
        assert bare in {form, re.sub(r"^([^/?]*)", r"\1/", form)}, row["url"]
    return len(rows)


def test_every_vector_of_the_policy_has_its_form(connection: duckdb.DuckDBPyConnection) -> None:
    urls = re.findall(r"^\| P\d+ \| `(http[^`]*)`", VECTORS, re.MULTILINE)
    assert check(connection, urls) > 50


HOSTS = st.sampled_from((
    "a.com", "www.a.com", "www12.b.co.uk", "www.www2.a.com", "www.com", "www.www.com", "wwwx.a.com",
    "www.b.a.com",
    "192.0.2.1", "[2001:db8::1]", "localhost", "www.github.io", "www.x.github.io", "xn--bcher-kva.example",
))  # fmt: skip
PARTS = st.lists(
    st.sampled_from(
        ("a", "index.html", "INDEX.php", "default.aspx", "index.html.en", "", "", "b.c", "index", "%2F")
    )
)
PAIRS = st.lists(
    st.sampled_from(("b=1", "a=2", "a", "b", "longer_name_than=1", "longer_name_thaa=2", "é=1", "a=1=0"))
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(("http", "https")), HOSTS, st.sampled_from(("", ":8080")), PARTS, PAIRS),
        min_size=1,
        max_size=40,
    )
)
def test_made_up_urls_have_the_form_of_the_core(
    connection: duckdb.DuckDBPyConnection, drawn: list[tuple[str, str, str, list[str], list[str]]]
) -> None:
    check(
        connection,
        [
            f"{scheme}://{host}{port}/{'/'.join(parts)}{'?' + '&'.join(pairs) if pairs else ''}"
            for scheme, host, port, parts, pairs in drawn
        ],
    )
