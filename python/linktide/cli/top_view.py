"""The picture of `linktide top`: a pure function from the service's figures to something rich can draw."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from linktide.plain import plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

SYNTHETIC_LINE = "SYNTHETIC DATA: every domain and link here is made up."
_HEAD_LINES = 8
"""Title, facts, two blank lines, two table heads with their rules."""
_LEAST_NEWEST = 3
_CHANGE_STYLES = {"new": "green", "restored": "cyan", "lost": "red"}
_NONE = "-"


def top_view(told: Mapping[str, object], height: int, now: datetime) -> Group:
    """Return one frame of at most `height` lines; unknown figures show as "-".

    A link of the day of `now` (UTC) shows its time, an older one its day.
    """
    tracked = _dicts(told, "tracked")
    newest = _dicts(told, "newest")
    is_synthetic = bool(told.get("is_synthetic"))
    room = max(height - _HEAD_LINES - is_synthetic, _LEAST_NEWEST + 1)
    most_tracked = max(1, room - min(max(_LEAST_NEWEST, room // 2), len(newest)))
    parts: list[RenderableType] = [_title(), _facts(told)]
    if is_synthetic:
        parts.append(Text(SYNTHETIC_LINE, style="bold yellow", no_wrap=True, overflow="ellipsis"))
    note = told.get("note") or "No domain is tracked: set tracked_domains."
    shown = _tracked_table(tracked[:most_tracked]) if tracked else _hint(plain_text(str(note)))
    parts += [Text(), shown, Text()]
    most_newest = room - min(len(tracked), most_tracked)
    parts.append(
        _newest_table(newest[:most_newest], now) if newest else _hint("No link has come or gone yet.")
    )
    return Group(*parts)


def _title() -> Text:
    title = Text("linktide", style="bold", no_wrap=True, overflow="ellipsis")
    return title.append("  live backlink index; Ctrl-C leaves", style="not bold dim")


def _facts(told: Mapping[str, object]) -> Text:
    facts = (
        ("live links", _count(told.get("live_links_total"))),
        ("events/s", _count(told.get("events_per_second"))),
        ("lag", _count(told.get("lag"))),
        ("p99", _seconds(told.get("freshness_p99_seconds"))),
        ("dead letters", _count(told.get("dead_letters"))),
    )
    line = Text(no_wrap=True, overflow="ellipsis")
    for name, value in facts:
        line.append(f"{name} ", style="dim").append(value, style="bold").append("   ")
    line.rstrip()
    return line


def _tracked_table(tracked: Sequence[Mapping[str, object]]) -> Table:
    table = _table()
    table.add_column("domain", ratio=1, no_wrap=True, overflow="ellipsis")
    for name in ("links", "refdomains", "+ today", "- today", "authority"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in tracked:
        is_rival = row.get("role") == "rival"
        name = plain_text(str(row.get("domain", _NONE))) + (" (rival)" if is_rival else "")
        table.add_row(
            Text(name, style="dim" if is_rival else "bold"),
            _count(row.get("live_links")),
            _count(row.get("refdomains")),
            Text(_count(row.get("new_today")), style="green"),
            Text(_count(row.get("lost_today")), style="red"),
            _authority(row),
        )
    return table


def _newest_table(newest: Sequence[Mapping[str, object]], now: datetime) -> Table:
    table = _table()
    table.add_column("UTC", no_wrap=True)
    table.add_column("change", no_wrap=True)
    for name, ratio in (("from", 4), ("to", 4), ("anchor", 3)):
        table.add_column(name, ratio=ratio, no_wrap=True, overflow="ellipsis")
    for row in newest:
        change = plain_text(str(row.get("change", _NONE)))
        table.add_row(
            Text(_clock(row.get("observed_at"), now), style="dim"),
            Text(change, style=_CHANGE_STYLES.get(change, "")),
            _url(row.get("source_url")),
            _url(row.get("target_url")),
            Text(plain_text(str(row.get("anchor") or "")), style="dim"),
        )
    return table


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, expand=True, header_style="bold")


def _dicts(told: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    rows = told.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _count(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, (int, float)) else _NONE


def _seconds(value: object) -> str:
    return f"{value:.2f} s" if isinstance(value, (int, float)) else _NONE


def _authority(row: Mapping[str, object]) -> Text:
    value = row.get("authority")
    if isinstance(value, (int, float)):
        return Text(f"{value:.1f}", style="bold")
    return Text(plain_text(str(row.get("authority_note") or _NONE)), style="dim")


def _url(value: object) -> Text:
    address = plain_text(str(value or _NONE))
    return Text(address.removeprefix("https://").removeprefix("http://"))


def _hint(sentence: str) -> Text:
    return Text(sentence, style="dim", no_wrap=True, overflow="ellipsis")


def _clock(value: object, now: datetime) -> str:
    try:
        moment = datetime.fromisoformat(str(value))
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return _NONE
    is_today = moment.date() == now.astimezone(UTC).date()
    return f"{moment:%H:%M:%S}" if is_today else f"{moment:%Y-%m-%d}"
