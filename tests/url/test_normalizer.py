"""URL identity through the binding: the real hrefs of the test data against the invariants of the design."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linktide._core import UrlNormalizer

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = "com\nuk\nco.uk\nio\ngithub.io\n"
REASONS = ["", "SCHEME", "RELATIVE", "HOST", "TOO_LONG", "BAD_UTF8", "INVALID"]
DEFAULT_DATA = Path(__file__).parents[2] / "../shared/data"


def _data(name: str) -> Path:
    path = Path(os.environ.get("LINKTIDE_DATA", DEFAULT_DATA)) / name
    if not path.exists():
        pytest.skip(f"no {path}; set LINKTIDE_DATA")
    return path


@pytest.fixture(scope="module")
def small() -> UrlNormalizer:
    return UrlNormalizer(SUFFIXES)


@pytest.fixture(scope="module")
def real() -> UrlNormalizer:
    return UrlNormalizer(_data("public_suffix_list.dat").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def hrefs() -> pa.Table:
    table = pq.read_table(_data("page_hrefs_dev.parquet"), columns=["page_url", "href"])
    return table.group_by(["page_url", "href"]).aggregate([]).combine_chunks()


def _column(table: pa.Table, name: str) -> pa.Array:
    return pa.concat_arrays(table[name].chunks)


def test_one_url_gives_its_parts(small: UrlNormalizer) -> None:
    row = small.normalize("HTTP://u@www.B.co.uk:80/a/../c?utm_source=x&d#e")
    assert row[:3] == ("http://www.b.co.uk/c?d", "www.b.co.uk", "b.co.uk")
    assert small.normalize("../c", base="http://b.co.uk/a/d")[0] == "http://b.co.uk/c"


def test_a_refused_url_gives_its_reason(small: UrlNormalizer) -> None:
    assert small.normalize("mailto:a@b.com") == "SCHEME"
    assert small.normalize("c") == "RELATIVE"
    assert small.normalize("http://a..b/") == "HOST"


def test_the_list_says_which_it_is(small: UrlNormalizer) -> None:
    assert small.suffixes_rules == 5
    assert small.suffixes_version.startswith("unversioned-")
    assert UrlNormalizer("// VERSION: 7\ncom").suffixes_version == "7"
    with pytest.raises(ValueError, match="holds no rule"):
        UrlNormalizer("")


def test_nulls_and_refusals_keep_their_rows(small: UrlNormalizer) -> None:
    urls = pa.array(["http://a.com", None, "x", "//b.com"])
    batch = pa.record_batch(small.normalize_array(urls))
    assert batch["url"].to_pylist() == ["http://a.com/", None, None, "https://b.com/"]
    assert batch["reason"].to_pylist() == [0, None, 2, 0]
    with_bases = pa.record_batch(small.normalize_array(urls, pa.array([None, None, "http://c.com", None])))
    assert with_bases["url"].to_pylist() == ["http://a.com/", None, "http://c.com/x", "https://b.com/"]


def test_wrong_arrays_are_refused(small: UrlNormalizer) -> None:
    with pytest.raises(ValueError, match="Int64, want strings"):
        small.normalize_array(pa.array([1]))
    with pytest.raises(ValueError, match="1 urls and 2 bases"):
        small.normalize_array(pa.array(["a"]), pa.array(["a", "b"]))


@given(
    st.lists(st.none() | st.text(), max_size=20),
    st.sampled_from([pa.string(), pa.large_string(), pa.string_view()]),
)
def test_a_batch_is_its_rows(urls: list[str | None], kind: pa.DataType) -> None:
    normalizer = UrlNormalizer(SUFFIXES)
    padded = pa.array(["http://a.com/before", *urls, "http://a.com/after"], kind)
    batch = pa.record_batch(normalizer.normalize_array(padded.slice(1, len(urls))))
    assert list(_rows(batch)) == [url if url is None else normalizer.normalize(url) for url in urls]


def _rows(batch: pa.RecordBatch) -> Iterator[object]:
    for row in batch.to_pylist():
        if row["reason"]:
            yield REASONS[row["reason"]]
        elif row["url"] is None:
            yield None
        else:
            yield (row["url"], row["host"], row["domain"], row["flags"], row["cluster_key"])


def test_real_hrefs_keep_the_invariants(real: UrlNormalizer, hrefs: pa.Table) -> None:
    first = pa.record_batch(real.normalize_array(_column(hrefs, "href"), _column(hrefs, "page_url")))
    assert first.num_rows == hrefs.num_rows
    good = pa.Table.from_batches([first]).filter(pa.compute.equal(first["reason"], 0)).combine_chunks()
    assert good.num_rows > hrefs.num_rows / 3
    again = pa.record_batch(real.normalize_array(_column(good, "url")))
    for name in ("url", "host", "domain", "url_id", "cluster_key"):
        assert again[name].equals(_column(good, name)), name


def test_mutated_real_hrefs_are_stable(real: UrlNormalizer, hrefs: pa.Table) -> None:
    chance = random.Random(5)
    texts = [text for text in _column(hrefs, "href").to_pylist() if text and text.startswith("http")]
    pieces = [
        "%",
        "%2",
        "%2e",
        "%41",
        "&",
        "=",
        "?",
        "#",
        "/",
        "..",
        ";jsessionid=",
        "utm_x=1",
        "\\",
        "@",
        "é",
        "|",
        "[",
    ]
    mutated = []
    for text in chance.sample(texts, min(20_000, len(texts))):
        at = chance.randrange(len(text) + 1)
        mutated.append(text[:at] + chance.choice(pieces) + text[at + chance.randrange(3) :])
    first = pa.record_batch(real.normalize_array(pa.array(mutated)))
    good = first.filter(pa.compute.equal(first["reason"], 0))
    assert good.num_rows > len(mutated) / 2
    again = pa.record_batch(real.normalize_array(good["url"]))
    assert again["url"].equals(good["url"])
    assert again["cluster_key"].equals(good["cluster_key"])
