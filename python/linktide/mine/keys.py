"""URLs and links of the user's files under the names and keys that the tables have for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from linktide.index import Decoder, IndexOptions, LinkIndex, UrlNormalizer
from linktide.mine.cells import MineFileError
from linktide.sources.memory import chunk_lines
from linktide.sources.source import Partition

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINK_SCHEMA: Final = pa.schema(
    [(name, pa.uint64()) for name in ("link_id", "source_key", "t_dom_key")]
    + [(name, pa.string()) for name in ("source_url", "target_url", "source_domain", "target_domain")]
)
_AT: Final = 1_000_000_000_000
"""Unix ms of events that are only named."""
_ANY_TARGET: Final = "https://linked.invalid/"
"""What pages are taken to link to so that they are named."""
_REASON: Final = "is no URL that is indexed"


class UrlKeys:
    """Of one database: by its public suffix list and its seed."""

    def __init__(self, psl_text: str, psl_version: str, hash_seed: int) -> None:
        self._psl_text = psl_text
        self._hash_seed = hash_seed
        self._urls = UrlNormalizer(psl_text)
        self._names = UrlNormalizer(psl_text, assume_scheme="https")
        self.facts = psl_version
        """What changes whenever keys or domains may."""

    def urls(self, texts: Sequence[str]) -> tuple[list[tuple[str, str]], dict[int, str]]:
        """Return (normalised URL, registrable domain) of the good ones, and why the others are none."""
        (urls, domains), wrong = self._good(self._urls, texts, ("url", "domain"), _REASON)
        return list(zip(urls, domains, strict=True)), wrong

    def domains(self, texts: Sequence[str]) -> tuple[list[str], dict[int, str]]:
        """Return the registrable domains of names or URLs, and why the others have none."""
        (domains,), wrong = self._good(self._names, texts, ("domain",), "is no domain")
        return domains, wrong

    def names(self, texts: Sequence[str]) -> tuple[list[tuple[str, str]], dict[int, str]]:
        """Return (normalised URL, registrable domain) of the good ones, https where no scheme is named."""
        (urls, domains), wrong = self._good(self._names, texts, ("url", "domain"), "is no domain")
        return list(zip(urls, domains, strict=True)), wrong

    def is_suffix(self, name: str) -> bool:
        """Tell whether others register their domains under a name."""
        return name in self.suffixes([name])

    def suffixes(self, names: Sequence[str]) -> set[str]:
        """Return those of the names under which others register their domains; an address is one, too."""
        domains, wrong = self.domains([f"any-label-of-nobody.{name}" for name in names])
        found = iter(domains)
        return {name for place, name in enumerate(names) if place in wrong or next(found) != name}

    def pages(self, urls: Sequence[str]) -> pa.ChunkedArray:
        """Return the keys of pages, in order; all URLs are normalised ones."""
        return self.links(urls, [_ANY_TARGET] * len(urls)).column("source_key")

    def links(self, source_urls: Sequence[str], target_urls: Sequence[str]) -> pa.Table:
        """Return keys, URLs and domains of links, in order; all URLs are normalised ones.

        An index of its own that hears of them names them: so they are what a link in the tables is.
        """
        lines = [
            json.dumps(
                {"event": "discovered", "observed_at": _AT, "source_url": one, "target_url": other}
            ).encode()
            for one, other in zip(source_urls, target_urls, strict=True)
        ]
        if not lines:
            return _LINK_SCHEMA.empty_table()
        decoder = Decoder(self._psl_text, self._hash_seed, 1 << 20)
        index = LinkIndex(IndexOptions(self._hash_seed))
        chunks = chunk_lines(Partition("mine", "mine", "", 0), lines, received_at_us=_AT * 1_000)
        batch = decoder.decode([(1, chunk) for chunk in chunks])
        tables = index.apply(batch, lambda _late: pa.table({})).tables
        told = pa.record_batch(tables["links"]) if "links" in tables else _LINK_SCHEMA.empty_table()
        known = told.select(_LINK_SCHEMA.names).to_pylist()
        by_urls = {(row["source_url"], row["target_url"]): row for row in known}
        pairs = list(zip(source_urls, target_urls, strict=True))
        if unknown := [pair for pair in pairs if pair not in by_urls]:
            raise MineFileError(f"The link from {unknown[0][0]} to {unknown[0][1]} is none that is indexed.")
        ordered = [by_urls[pair] for pair in pairs]
        return pa.Table.from_pylist(ordered, schema=_LINK_SCHEMA)

    @staticmethod
    def _good(
        normalizer: UrlNormalizer, texts: Sequence[str], names: Sequence[str], wanted: str
    ) -> tuple[list[list[str]], dict[int, str]]:
        """Return columns of the rows that can be normalised, and by place why the others cannot."""
        found: list[list[str]] = [[] for _ in names]
        wrong: dict[int, str] = {}
        place = 0
        for one in normalizer.normalize_columns(pa.array(texts, pa.string())):
            array = pa.array(one)
            reasons = array.field("reason")
            if reasons.null_count < len(reasons):
                told = enumerate(reasons.to_pylist(), place)
                wrong |= {at: f"{wanted} ({reason})" for at, reason in told if reason is not None}
            place += len(array)
            for column, name in zip(found, names, strict=True):
                column.extend(array.field(name).filter(reasons.is_null()).to_pylist())
        return found, wrong
