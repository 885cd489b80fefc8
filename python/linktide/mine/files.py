"""What each file of the section `mine` may say, and the rows that come of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final
from unicodedata import category, normalize

import pyarrow as pa

from linktide.mine.cells import (
    Cells,
    Column,
    MineFileError,
    Refusal,
    any_text,
    end_of,
    lines_of,
    moment,
    number,
    one_of,
    read_bytes,
    read_cells,
    text_of,
    whole,
)
from linktide.mine.rules import RULE_COLUMNS, read_rules
from linktide.mine.sitemap import read_sitemap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from linktide.mine.keys import UrlKeys
    from linktide.store.source_rules import SourceRule

MAX_TERMS: Final = 1_000
"""Of one domain: each anchor is compared with each."""
_STAMP: Final = pa.timestamp("us", tz="UTC")
_DEFAULT_GRACE_DAYS: Final = 3
_MAX_GRACE_DAYS: Final = 3_650
_MANY: Final = 10**12
_MAX_POINTS: Final = 100
_MAKE: Final = "2"
"""Of rows: another one where the same file makes other rows, so that a newer linktide takes it again."""


@dataclass(frozen=True, slots=True)
class MineFile:
    """A file as it was read: its rows, or why it is refused."""

    kind: str
    name: str
    content_hash: str
    rows: pa.Table | None = None
    """None: it is refused, or it holds rules."""
    rules: tuple[SourceRule, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    refused_rows: int = 0
    refused_because: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What rows are read by."""

    keys: UrlKeys
    own_domains: tuple[str, ...] = ()
    """Whose terms those are that name no domain."""


def _term(text: str) -> str:
    # As internal.words tells words; a term without one would be found in anchors without one.
    if not any(category(one)[0] in "LMN" for one in normalize("NFC", any_text(text))):
        raise ValueError("has no letter or digit; wanted words of an anchor")
    return text


PAGE_COLUMNS: Final = (
    Column("url", any_text, is_required=True, aliases=("page_url", "loc")),
    Column("published_at", moment, aliases=("published", "date")),
    Column("title", any_text),
)
BLOCK_COLUMNS: Final = (Column("domain", any_text, is_required=True, aliases=("domain_name", "url", "host")),)
TERM_COLUMNS: Final = (
    Column("term", _term, is_required=True),
    Column("kind", one_of("brand", "money"), is_required=True),
    Column("domain", any_text, aliases=("target_domain",)),
)
PLACEMENT_COLUMNS: Final = (
    Column("source_url", any_text, is_required=True, aliases=("url_from",)),
    Column("target_url", any_text, is_required=True, aliases=("url_to",)),
    Column("rel", one_of("followed", "nofollow", "ugc", "sponsored")),
    Column("anchor", any_text),
    Column("live_from", moment, aliases=("from",)),
    Column("paid_until", end_of),
    Column("campaign", any_text),
    Column("grace_days", whole(_MAX_GRACE_DAYS), aliases=("grace",)),
)
CAMPAIGN_COLUMNS: Final = (
    Column("campaign", any_text, is_required=True, aliases=("name",)),
    Column("goal", whole(_MANY)),
    Column("spend", number),
    Column("from", moment),
    Column("until", end_of),
)
MARKERS: Final = (
    *("citation_trust_ratio", "link_farm_page", "money_anchor", "same_block", "twin_profile", "sitewide"),
    *("ugc_dofollow", "lang_mismatch", "hidden", "noindex", "blocklisted", "burst_member"),
)
"""Of toxicity, as the view toxicity_markers has them."""
MARKER_COLUMNS: Final = (
    Column("marker", one_of(*MARKERS), is_required=True),
    Column("points", whole(_MAX_POINTS), is_required=True),
)


@dataclass(slots=True)
class _Made:
    """What became of a file's cells."""

    cells: Cells
    rows: pa.Table | None = None
    rules: tuple[SourceRule, ...] = ()
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)


def read_file(kind: str, path: Path, reading: Reading) -> MineFile:
    """Read one file; never raises for what is in it. `content_hash` is of all that its rows depend on."""
    name = str(path)
    try:
        raw = read_bytes(path)
    except MineFileError as error:
        return MineFile(kind, name, "", refused_because=str(error))
    told = hashlib.blake2b(raw, digest_size=16)
    told.update("\0".join((_MAKE, reading.keys.facts, *reading.own_domains)).encode())
    content_hash = told.hexdigest()
    try:
        made = _READERS[kind](raw, path, reading)
        _check(kind, path, made)
    except MineFileError as error:
        return MineFile(kind, name, content_hash, refused_because=str(error))
    cells = made.cells
    return MineFile(
        kind, name, content_hash, made.rows, made.rules, tuple(cells.refusals), cells.refused_rows
    )


def _check(kind: str, path: Path, made: _Made) -> None:
    """Refuse a file that a person wrote for one wrong row, a long list if most of it is wrong."""
    cells = made.cells
    if not cells.refused_rows:
        return
    first = cells.refusals[0].sentence()
    if kind not in LISTS:
        more = f" ({cells.refused_rows - 1} more)" if cells.refused_rows > 1 else ""
        raise MineFileError(f"{path}, {first}{more}.")
    if cells.refused_rows > len(cells.lines):
        raise MineFileError(
            f"{path}, {first}; so are most of its {cells.refused_rows + len(cells.lines):,} rows."
        )


def _pages(raw: bytes, path: Path, reading: Reading) -> _Made:
    is_xml = raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    cells = read_sitemap(raw, path) if is_xml else read_cells(raw, path, PAGE_COLUMNS)
    urls, _ = _urls(cells, "url", reading.keys)
    rows = pa.table(
        {
            "page_url": pa.array([url for url, _ in urls], pa.string()),
            "domain_name": pa.array([domain for _, domain in urls], pa.string()),
            "published_at": pa.array(cells.columns["published_at"], _STAMP),
            "title": pa.array(cells.columns["title"], pa.string()),
        }
    )
    # Of a page that stands there twice, the earliest date, and of two titles the first by bytes.
    names = ["page_url", "domain_name", "published_at", "title"]
    rows = rows.group_by(names[:2]).aggregate([("published_at", "min"), ("title", "min")])
    rows = rows.rename_columns(names)
    page_keys = reading.keys.pages(rows.column("page_url").to_pylist())
    return _Made(cells, rows.append_column("page_key", page_keys))


def _blocklist(raw: bytes, path: Path, reading: Reading) -> _Made:
    begin = raw[:4_096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if begin.startswith((b"domain", b"host", b"url", b'"')):
        cells = read_cells(raw, path, BLOCK_COLUMNS)
    else:
        cells = Cells({"domain": []})
        lines = lines_of(text_of(raw, path))
        if not any(text.strip() for text in lines):
            raise MineFileError(f"{path} is empty; wanted a header with domain, or one domain a line.")
        for line, text in enumerate(lines, 1):
            # As Google's disavow files have it, too.
            name = text.partition("#")[0].strip().removeprefix("domain:").strip()
            if name:
                cells.lines.append(line)
                cells.columns["domain"].append(name)
    domains = _domains(cells, "domain", reading.keys)
    return _Made(cells, pa.table({"domain_name": pa.array(domains, pa.string()).unique()}))


def _terms(raw: bytes, path: Path, reading: Reading) -> _Made:
    cells = read_cells(raw, path, TERM_COLUMNS)
    named = [place for place, value in enumerate(cells.columns["domain"]) if value is not None]
    names, wrong = reading.keys.domains([str(cells.columns["domain"][place]) for place in named])
    cells.keep({named[place]: ("domain", reason) for place, reason in wrong.items()})
    by_place = dict(
        zip((named[place] for place in range(len(named)) if place not in wrong), names, strict=True)
    )
    rows: dict[tuple[str, str, str], None] = {}
    for place, (term, kind) in enumerate(zip(cells.columns["term"], cells.columns["kind"], strict=True)):
        for domain in (by_place[place],) if place in by_place else reading.own_domains:
            rows[domain, str(kind), str(term)] = None
    for domain in {one for one, _, _ in rows}:
        if (count := sum(one == domain for one, _, _ in rows)) > MAX_TERMS:
            raise MineFileError(f"{path} has {count:,} terms of {domain}; wanted at most {MAX_TERMS:,}.")
    listed = list(rows)
    return _Made(
        cells,
        pa.table(
            {
                "target_domain": pa.array([one[0] for one in listed], pa.string()),
                "kind": pa.array([one[1] for one in listed], pa.string()),
                "term": pa.array([one[2] for one in listed], pa.string()),
            }
        ),
    )


def _placements(raw: bytes, path: Path, reading: Reading) -> _Made:
    cells = read_cells(raw, path, PLACEMENT_COLUMNS)
    _urls(cells, "source_url", reading.keys)
    _urls(cells, "target_url", reading.keys)
    columns = cells.columns
    links = reading.keys.links(list(map(str, columns["source_url"])), list(map(str, columns["target_url"])))
    seen: dict[int, int] = {}
    for line, link_id in zip(cells.lines, links.column("link_id").to_pylist(), strict=True):
        if link_id in seen:
            raise MineFileError(f"{path}, line {line}: the link stands already in line {seen[link_id]}.")
        seen[link_id] = line
    _check_times(cells, path)
    grace = [_DEFAULT_GRACE_DAYS if one is None else one for one in columns["grace_days"]]
    rows = links.append_column("expected_rel", pa.array(columns["rel"], pa.string()))
    for name, values, kind in (
        ("expected_anchor", columns["anchor"], pa.string()),
        ("live_from", columns["live_from"], _STAMP),
        ("paid_until", columns["paid_until"], _STAMP),
        ("grace_days", grace, pa.uint32()),
        ("campaign", columns["campaign"], pa.string()),
        ("line", cells.lines, pa.uint64()),
    ):
        rows = rows.append_column(name, pa.array(values, kind))
    return _Made(cells, rows)


def _check_times(cells: Cells, path: Path) -> None:
    """Refuse placements that are over before they begin: one of the two days is a slip."""
    columns = cells.columns
    for line, begin, end in zip(cells.lines, columns["live_from"], columns["paid_until"], strict=True):
        if isinstance(begin, datetime) and isinstance(end, datetime) and end <= begin:
            raise MineFileError(
                f"{path}, line {line}, column paid_until: the link is paid for until {end.isoformat()}, "
                f"before its live_from {begin.isoformat()}; wanted a paid_until after it."
            )


def _campaigns(raw: bytes, path: Path, _reading: Reading) -> _Made:
    cells = read_cells(raw, path, CAMPAIGN_COLUMNS)
    columns = cells.columns
    _check_single(cells, "campaign", path)
    kinds = {
        "campaign": pa.string(),
        "goal": pa.uint64(),
        "spend": pa.float64(),
        "from": _STAMP,
        "until": _STAMP,
    }
    rows = pa.table({name: pa.array(columns[name], kind) for name, kind in kinds.items()})
    return _Made(cells, rows.rename_columns(["campaign", "goal", "spend", "from_at", "until_at"]))


def _markers(raw: bytes, path: Path, _reading: Reading) -> _Made:
    cells = read_cells(raw, path, MARKER_COLUMNS)
    _check_single(cells, "marker", path)
    names, points = cells.columns["marker"], cells.columns["points"]
    return _Made(
        cells, pa.table({"marker": pa.array(names, pa.string()), "points": pa.array(points, pa.uint64())})
    )


def _check_single(cells: Cells, column: str, path: Path) -> None:
    """Refuse a file that tells of one thing twice."""
    seen = set()
    for place, name in enumerate(cells.columns[column]):
        if name in seen:
            raise MineFileError(
                f"{path}, line {cells.lines[place]}, column {column}: {name!r} stands there twice."
            )
        seen.add(name)


def _rules(raw: bytes, path: Path, reading: Reading) -> _Made:
    cells = read_cells(raw, path, RULE_COLUMNS)
    return _Made(cells, rules=read_rules(cells, path, reading.keys))


def _urls(cells: Cells, column: str, keys: UrlKeys) -> tuple[Sequence[tuple[str, str]], None]:
    """Normalise a column in its place; rows without a sound URL are left out. Returns (url, domain)."""
    found, wrong = keys.urls([str(one) for one in cells.columns[column]])
    cells.keep({place: (column, reason) for place, reason in wrong.items()})
    cells.columns[column] = [url for url, _ in found]
    return found, None


def _domains(cells: Cells, column: str, keys: UrlKeys) -> Sequence[str]:
    found, wrong = keys.domains([str(one) for one in cells.columns[column]])
    cells.keep({place: (column, reason) for place, reason in wrong.items()})
    return found


LISTS: Final = ("pages", "blocklist")
"""Long, and written by machines: a wrong row is left out and told of."""
_READERS: Final[dict[str, Callable[[bytes, Path, Reading], _Made]]] = {
    "pages": _pages,
    "blocklist": _blocklist,
    "terms": _terms,
    "placements": _placements,
    "campaigns": _campaigns,
    "markers": _markers,
    "source_rules": _rules,
}
KINDS: Final = tuple(_READERS)
