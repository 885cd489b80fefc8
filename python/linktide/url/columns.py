"""Whole columns of URLs, by Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from linktide.url.normalizers import normalizer_for

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Unpack

    from linktide.url.options import UrlOptions

MOST_THREADS = 256


def normalize_urls(
    array: object,
    base: object = None,
    level: str = "index",
    *,
    threads: int = 1,
    **options: Unpack[UrlOptions],
) -> pa.StructArray | pa.ChunkedArray:
    """Normalise a column of URLs: Arrow in, Arrow out, no copy at the border, the GIL released.

    `array` is anything with the Arrow PyCapsule interface that holds strings or bytes (utf8, large_utf8,
    utf8_view, binary, a dictionary of these): an array of pyarrow, a Series of polars or pandas, an
    Arrow result of DuckDB. Or it is a list, or another iterable, of str and None. `base` is one URL for all
    rows, or a column of as many rows. `level` is "whatwg", "safe", "index" or "cluster". `threads` share the
    rows between them, 8,192 at a time; 1 to 256. docs/urls.md has the options.

    Returns one struct for each row, in order, as a `pyarrow.StructArray`; for what comes in chunks (a
    ChunkedArray, a Series) as a `pyarrow.ChunkedArray`, whose chunks need not be the same. (A column of texts
    of 2 GiB or more is cut, so it is always a ChunkedArray.) Both have the PyCapsule interface:
    `polars.Series(it)`, `pyarrow.Table.from_struct_array(it)`. The fields:

    * `url`, `host`, `domain`: utf8
    * `url_id`: fixed_size_binary(16), xxh3-128 of the URL
    * `domain_id`, `cluster_key`: uint64
    * `reason`: utf8, null where the URL is good
    * `flags`: uint32, the bits of `UrlFlag`

    A null row has every field null. A refused row has every field null but `reason`. No row raises. A wrong
    argument raises TypeError or ValueError, which name what was given and what is wanted.

    >>> rows = normalize_urls(["HTTP://Example.com/a#b", None, "/c"])
    >>> rows.field("url").to_pylist(), rows.field("reason").to_pylist()
    (['http://example.com/a', None, None], [None, None, 'RELATIVE'])
    >>> normalize_urls(["c", "d"], base=["http://a.com/b", None]).field("url").to_pylist()
    ['http://a.com/c', None]
    """
    if not isinstance(threads, int) or isinstance(threads, bool):
        raise TypeError(f"threads is of type {type(threads).__name__}, wanted int")
    if not 1 <= threads <= MOST_THREADS:
        raise ValueError(f"threads is {threads}, wanted 1 to {MOST_THREADS}")
    normalizer = normalizer_for(level, **options)
    urls = _column("array", array)
    bases = base if base is None or isinstance(base, str) else _column("base", base)
    parts = [pa.array(part) for part in normalizer.normalize_columns(urls, _one_text(bases), threads)]
    if len(parts) == 1 and hasattr(urls, "__arrow_c_array__"):
        return parts[0]
    return pa.chunked_array(parts)


def _one_text(base: Any) -> Any:  # noqa: ANN401  # whatever holds the bases
    """Drop a base that is no text for UTF-8: it counts as absent."""
    if isinstance(base, str):
        try:
            base.encode("utf-8")
        except UnicodeEncodeError:
            return None
    return base


def _column(name: str, given: object) -> Any:  # noqa: ANN401  # anything with the PyCapsule interface
    """Return what holds the column by Arrow; raises TypeError if nothing does."""
    if hasattr(given, "__arrow_c_array__") or hasattr(given, "__arrow_c_stream__"):
        return given
    if isinstance(given, str | bytes):
        hint = "; for one URL call normalize_url" if name == "array" else ""
        raise TypeError(f"{name} is of type {type(given).__name__}, wanted a column of strings{hint}")
    if not hasattr(given, "__iter__"):
        raise TypeError(
            f"{name} is of type {type(given).__name__}, wanted an Arrow array of strings or a list of str"
        )
    return _from_texts(name, given)


def _from_texts(name: str, given: Iterable[object]) -> pa.Array:
    texts = list(given)
    for row, text in enumerate(texts):
        if text is not None and not isinstance(text, str):
            raise TypeError(f"{name} holds a {type(text).__name__} in row {row}, wanted str or None")
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        # Half a surrogate pair: as bytes it is no UTF-8, which the policy refuses for that row alone.
        encoded = [text.encode("utf-8", "surrogatepass") if isinstance(text, str) else None for text in texts]
        return pa.array(encoded, pa.large_binary())
