"""`normalize_urls`: every kind of column gives what its rows give."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st
from url_data import PIECES, URLS, hrefs

from linktide import normalize_url, normalize_urls
from linktide.url import LEVELS, UrlFlag

if TYPE_CHECKING:
    from linktide.url import Level

BASE = "http://www.a.co.uk/b/c?d"
KINDS = (
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.uint32(), pa.large_string()),
)
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"ftp": True, "keep_hashbang": True, "keep_hashroute": True, "unwrap_redirects": True},
    {"assume_scheme": "https", "reject_private": True, "max_output_bytes": 40, "extra_tracking": ["u*"]},
)


def row_of(url: str | None, base: str | None, level: Level, **options: Any) -> dict[str, object]:  # noqa: ANN401
    names = ("url", "host", "domain", "url_id", "domain_id", "cluster_key", "reason", "flags")
    if url is None:
        return dict.fromkeys(names)
    found = normalize_url(url, base, level, **options)
    return {name: getattr(found, name) for name in names}


def column(urls: list[str | None], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(urls, kind.value_type).dictionary_encode().cast(kind)
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return pa.array(urls if is_text else [url if url is None else url.encode() for url in urls], kind)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(URLS, max_size=12),
    st.sampled_from(KINDS),
    st.integers(0, 3),
    st.tuples(st.sampled_from([None, BASE, "mailto:x"]), st.sampled_from(LEVELS), st.sampled_from(OPTIONS)),
)
def test_a_column_is_its_rows(
    urls: list[str | None], kind: pa.DataType, start: int, way: tuple[str | None, Level, dict[str, Any]]
) -> None:
    base, level, options = way
    padded = column(["http://before.com", *urls, "http://after.com"], kind)
    sliced = padded.slice(min(start, len(urls)), len(urls))
    texts = ["http://before.com", *urls, "http://after.com"][min(start, len(urls)) :][: len(urls)]
    wanted = [row_of(url, base, level, **options) for url in texts]
    got = normalize_urls(sliced, base, level, **options)
    got.validate(full=True)
    assert isinstance(got, pa.StructArray)
    assert got.to_pylist() == wanted
    chunked = pa.chunked_array([sliced.slice(0, 2), sliced.slice(2)], kind)
    assert normalize_urls(chunked, base, level, threads=2, **options).to_pylist() == wanted


@settings(deadline=None)
@given(st.lists(st.tuples(URLS, URLS), max_size=8), st.sampled_from(KINDS))
def test_each_row_has_its_base(pairs: list[tuple[str | None, str | None]], kind: pa.DataType) -> None:
    urls, bases = [url for url, _ in pairs], [base for _, base in pairs]
    wanted = [row_of(url, base, "index") for url, base in pairs]
    assert normalize_urls(urls, bases).to_pylist() == wanted
    split = pa.chunked_array([column(bases[:1], kind), column(bases[1:], kind)], kind)
    assert normalize_urls(pa.array(urls, pa.string()), split).to_pylist() == wanted


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), st.sampled_from(LEVELS))
def test_normalising_twice_is_normalising_once(rest: str, level: Level) -> None:
    first = normalize_url(f"http://a.com/{rest}", level=level)
    if first.url is not None:
        again = normalize_url(first.url, level=level)
        assert (again.url, again.cluster_key) == (first.url, first.cluster_key)
        assert normalize_url(first.url).cluster_key == first.cluster_key


def test_the_fields_are_as_published() -> None:
    got = normalize_urls(["http://www.a.co.uk/b", "x", None], level="index")
    assert got.type == pa.struct(
        [
            ("url", pa.string()),
            ("host", pa.string()),
            ("domain", pa.string()),
            ("url_id", pa.binary(16)),
            ("domain_id", pa.uint64()),
            ("cluster_key", pa.uint64()),
            ("reason", pa.string()),
            ("flags", pa.uint32()),
        ]
    )
    good, refused, null = got.to_pylist()
    assert good["url_id"] == xxhash.xxh3_128_digest(b"http://www.a.co.uk/b")
    assert good["domain_id"] == xxhash.xxh3_64_intdigest(b"a.co.uk")
    assert good["cluster_key"] == xxhash.xxh3_64_intdigest(b"a.co.uk/b")
    assert {name for name, value in refused.items() if value is not None} == {"reason"}
    assert set(null.values()) == {None}
    assert pa.Table.from_struct_array(got).num_rows == 3


def test_a_url_without_a_host_has_no_domain() -> None:
    got = normalize_urls(["mailto:me@a.com"], level="whatwg").to_pylist()[0]
    assert (got["url"], got["host"], got["domain"], got["domain_id"]) == ("mailto:me@a.com", None, None, None)
    assert got["flags"] == UrlFlag.OTHER_SCHEME


def test_threads_change_nothing_on_real_links() -> None:
    links = hrefs()
    urls, bases = links["href"], links["page_url"]
    one = normalize_urls(urls, bases)
    assert normalize_urls(urls, bases, threads=2).equals(one)
    alone = pa.concat_arrays(urls.chunks)
    assert normalize_urls(alone, bases, threads=3).equals(pa.concat_arrays(one.chunks))


def test_real_links_keep_the_invariants_at_every_level() -> None:
    links = hrefs()
    for level in LEVELS:
        first = pa.concat_arrays(normalize_urls(links["href"], links["page_url"], level).chunks)
        good = first.filter(first.field("url").is_valid())
        assert len(good) > links.num_rows / 3
        again = normalize_urls(good.field("url"), level=level)
        for name in ("url", "host", "domain", "url_id", "cluster_key"):
            assert again.field(name).equals(good.field(name)), (level, name)


def test_calls_of_many_threads_do_not_meet() -> None:
    urls = [f"http://a{number}.com/?b" for number in range(2_000)]
    wanted = normalize_urls(urls)
    found: list[pa.StructArray] = []
    threads = [threading.Thread(target=lambda: found.append(normalize_urls(urls))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.equals(wanted) for one in found] == [True] * 4


class Stream:
    """Something of another library that only has the PyCapsule interface, in chunks."""

    def __init__(self, chunks: pa.ChunkedArray) -> None:
        self._chunks = chunks

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._chunks.__arrow_c_stream__(requested_schema)


def test_any_object_with_the_interface_is_taken() -> None:
    chunks = pa.chunked_array([["http://a.com"], ["/b", None]])
    got = normalize_urls(Stream(chunks), Stream(pa.chunked_array([["http://c.com"] * 3])))
    assert isinstance(got, pa.ChunkedArray)
    assert [row["url"] for row in got.to_pylist()] == ["http://a.com/", "http://c.com/b", None]
    assert normalize_urls(Stream(pa.chunked_array([], pa.string()))).to_pylist() == []


def test_a_generator_and_half_a_pair_are_rows() -> None:
    got = normalize_urls(url for url in ["http://a.com/\ud800", None, "http://a.com"])
    assert got.field("reason").to_pylist() == ["BAD_UTF8", None, None]
    assert normalize_url("http://a.com/\ud800").reason == "BAD_UTF8"
    assert normalize_urls(["b"], "http://\ud800").field("reason").to_pylist() == ["RELATIVE"]
    assert normalize_url("b", "http://\ud800").reason == "RELATIVE"


@pytest.mark.parametrize(
    ("error", "match", "arguments", "options"),
    [
        (TypeError, "array is of type str, wanted a column.*normalize_url", ("http://a.com",), {}),
        (TypeError, "array is of type int, wanted an Arrow array", (1,), {}),
        (TypeError, "array of URLs holds Int64; wanted strings", (pa.array([1]),), {}),
        (TypeError, "array holds a int in row 1, wanted str or None", (["a", 1],), {}),
        (TypeError, "base is of type bytes", (["a"], b"http://a.com"), {}),
        (TypeError, "array of bases holds Float64", (["a"], pa.array([1.0])), {}),
        (ValueError, "1 URLs and 2 bases; wanted one base", (["a"], ["a", "b"]), {}),
        (ValueError, "level is 'I', wanted one of whatwg, safe, index, cluster", (["a"], None, "I"), {}),
        (TypeError, "level is 3", (["a"], None, 3), {}),
        (
            TypeError,
            r"'ftps' is no option \(do you mean ftp\?\); wanted ftp, assume",
            (["a"],),
            {"ftps": True},
        ),
        (TypeError, r"ftp is 'yes' \(str\), wanted True or False", (["a"],), {"ftp": "yes"}),
        (ValueError, 'assume_scheme is "ftp", wanted http or https', (["a"],), {"assume_scheme": "ftp"}),
        (TypeError, r"assume_scheme is 1 \(int\), wanted", (["a"],), {"assume_scheme": 1}),
        (ValueError, "max_output_bytes is 0, wanted 1 to 262144", (["a"],), {"max_output_bytes": 0}),
        (ValueError, "max_output_bytes: 262145 is out of range", (["a"],), {"max_output_bytes": 262_145}),
        (TypeError, "max_output_bytes is True", (["a"],), {"max_output_bytes": True}),
        (ValueError, 'extra_tracking: "a\\*b" is no parameter name', (["a"],), {"extra_tracking": ["a*b"]}),
        (TypeError, "extra_tracking is 'a'", (["a"],), {"extra_tracking": "a"}),
        (TypeError, "extra_tracking holds 1", (["a"],), {"extra_tracking": [1]}),
        (ValueError, "threads is 0, wanted 1 to 256", (["a"],), {"threads": 0}),
        (TypeError, "threads is of type str", (["a"],), {"threads": "2"}),
        (ValueError, "public_suffix_list is '/nowhere'", (["a"],), {"public_suffix_list": "/nowhere"}),
        (TypeError, r"public_suffix_list is 3 \(int\), wanted a path", (["a"],), {"public_suffix_list": 3}),
    ],
)
def test_a_wrong_argument_is_named(
    error: type[Exception], match: str, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    with pytest.raises(error, match=match):
        normalize_urls(*arguments, **options)
