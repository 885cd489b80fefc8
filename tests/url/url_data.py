"""The test data of URLs: real links, the web platform's tests, and texts that are hard."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

DEFAULT_DATA = Path(__file__).parents[2] / "../shared/data"

PIECES = [
    "%",
    "%2",
    "%2e",
    "%41",
    "%00",
    "&",
    "=",
    "?",
    "#",
    "#!",
    "#/",
    "/",
    "//",
    "..",
    ";jsessionid=",
    "utm_x=1",
    "\\",
    "@",
    "é",
    "|",
    "[",
    "]",
    "^",
    "'",
    ":",
    "www.",
    "index.html",
    "+",
    "xn--",
    "ß",
    "。",
    "[::1]",
    "0x7f",
    "\t",
    " ",
    "(S(abcdefghijklmnopqrstuvwx))",
    "https://www.google.com/url?q=",
]
"""What breaks normalisers."""

URLS = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.builds(
        lambda start, host, rest: start + host + "".join(rest),
        st.sampled_from(["http://", "HTTPS://", "//", "", "mailto:", "ftp://u@", "http:"]),
        st.sampled_from(
            ["a.com", "WWW.b.co.uk", "127.1", "h!x", "é.example", "www.google.com/url?q=", "a..b"]
        ),
        st.lists(st.sampled_from(PIECES), max_size=5),
    ),
)
"""Texts like those on pages, and nulls."""


def data_file(name: str) -> Path:
    """Return a file of the test data; skip the test where it is absent."""
    path = Path(os.environ.get("LINKTIDE_DATA", DEFAULT_DATA)) / name
    if not path.exists():
        pytest.skip(f"no {path}; set LINKTIDE_DATA")
    return path


def cases(name: str) -> list[dict[str, Any]]:
    """Return the cases of a test file of the web platform that no lone surrogate stands in."""
    items = json.loads(data_file(f"conformance/{name}").read_text("utf-8"))
    return [item for item in items if isinstance(item, dict) and _is_text(item)]


def _is_text(item: dict[str, Any]) -> bool:
    try:
        "".join(value for value in item.values() if isinstance(value, str)).encode()
    except UnicodeEncodeError:
        return False
    return True


def hrefs() -> pa.Table:
    """Return the distinct links of the real pages: page_url and href."""
    table = pq.read_table(data_file("page_hrefs_dev.parquet"), columns=["page_url", "href"])
    return table.group_by(["page_url", "href"]).aggregate([]).combine_chunks()
