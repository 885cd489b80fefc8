"""One row of an export as the events it stands for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from linktide.sources.vendors.catalogue import LINK_TYPES, LOST_REASONS
from linktide.sources.vendors.dates import DAY_US, Moment, is_no_date, parse_date, time_text
from linktide.sources.vendors.mapping import folded, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linktide.sources.vendors.dates import DateOrder
    from linktide.sources.vendors.mapping import Layout, Names

ROW_LINES: Final = 3
"""Lines a row takes: where it was discovered, seen, lost; one that has nothing to say is blank.

So the offset of an event tells its row: offset // 3 + 1.
"""
_FLAGS: Final = {
    **dict.fromkeys(("true", "1", "yes", "y", "t", "x", "+"), True),
    **dict.fromkeys(("false", "0", "no", "n", "f", "-"), False),
}
_FORMULA: Final = re.compile(r'=\s*HYPERLINK\(\s*"([^"]*)"', re.IGNORECASE)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_MAX_REASON: Final = 32
_KEPT_TIMES: Final = 1 << 14
"""Dates repeat, and reading one costs as much as the rest of a row."""
_LASTING: Final = ("rel", "link_type", "anchor")
"""What the first sighting says, too: without it a nofollow link would pass as followed until the last one."""


@dataclass(frozen=True, slots=True)
class RowRules:
    """What all rows of a file have in common."""

    layout: Layout
    header: Sequence[str]
    order: DateOrder | None
    exported_at_us: int | None
    """When the export was made; None if it did not say and has no dates that would."""
    is_time_given: bool
    """Whether that was told, and is not the greatest date of the file."""
    home_url: str | None
    """What links point to if the export does not say."""


class RowEvents:
    """Turns rows into lines of JSON, three a row."""

    def __init__(self, rules: RowRules) -> None:
        layout, self._rules = rules.layout, rules
        self._width = len(rules.header)
        self._date = lru_cache(_KEPT_TIMES)(partial(parse_date, order=rules.order))
        self._time_text = lru_cache(_KEPT_TIMES)(time_text)
        encoder = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
        self._encode = encoder.encode
        self._source, self._target = self._place(layout.source_url), self._place(layout.target_url)
        self._first, self._last = self._place(layout.first_seen), self._place(layout.last_seen)
        self._lost, self._is_lost = self._place(layout.lost_at), self._place(layout.is_lost)
        self._reason, self._drop = self._place(layout.lost_reason), self._place(layout.drop_reason)
        self._followed, self._rel = self._place(layout.followed), self._place(layout.rel)
        self._type = self._place(layout.link_type)
        self._rel_flags = self._places(layout.rel_flags)
        self._type_flags = [
            (kind, place)
            for name, kind in layout.type_flags.items()
            if (place := self._place((name,))) is not None
        ]
        self._texts, self._numbers = self._places(layout.texts), self._places(layout.numbers)
        meant = {self._source, self._target, self._first, self._last, self._lost, self._is_lost}
        meant |= {self._reason, self._drop, self._followed, self._rel, self._type}
        for places in (self._rel_flags, self._type_flags, self._texts, self._numbers):
            meant |= {place for _, place in places}
        self._others = [(name, place) for place, name in enumerate(rules.header) if place not in meant]

    def lines(self, row: int, cells: Sequence[str]) -> tuple[bytes, bytes, bytes]:
        """Return the three lines of a row, without line ends; a blank one says nothing.

        A row that cannot be told is one line that the core refuses, with all of its cells.
        """
        if not any(cells):
            return b"", b"", b""
        if len(cells) < self._width or any(cells[self._width :]):
            return self._refused(row, cells, f"it has {len(cells)} cells, the header has {self._width}")
        source, target = self._url(cells, self._source), self._url(cells, self._target)
        if self._target is None:
            target = self._rules.home_url or ""
        link: dict[str, object] = {"source_url": source, "target_url": target}
        # One without a scheme would be resolved against the source: a link that nobody made.
        if target and not _SCHEME.match(target):
            return self._refused(row, cells, f"its target is no absolute URL: {target[:200]}")
        times: list[Moment | None] = []
        for place in (self._first, self._last, self._lost):
            text = "" if place is None else cells[place]
            told = is_no_date(text)
            at = None if told else self._date(text)
            if at is None and not told:
                # The core says what is wrong with it, as with any other event.
                return b"", self._line({"event": "seen", "observed_at": text, **link}), b""
            times.append(at)
        if unread := self._unread_loss(cells):
            return self._refused(row, cells, f"its loss is neither a date nor yes or no: {unread[:200]}")
        return self._told(row, cells, link, (times[0], times[1], times[2]))

    def _unread_loss(self, cells: Sequence[str]) -> str:
        """Return what stands where a date, yes or no says whether the link is lost, if it is none of them."""
        said = self._cell(cells, self._is_lost)
        is_asked = self._rules.layout.is_lost_needed and is_date_of_loss(said)
        return said if is_asked and self._date(said) is None else ""

    def _told(
        self,
        row: int,
        cells: Sequence[str],
        link: dict[str, object],
        times: tuple[Moment | None, Moment | None, Moment | None],
    ) -> tuple[bytes, bytes, bytes]:
        first, last, lost = times
        said = self._cell(cells, self._is_lost)
        flag, rules = _flag(said), self._rules
        if self._is_lost is not None and rules.layout.is_lost_needed and flag is None:
            lost_on = self._date(said)
            if lost_on is not None and lost is not None and lost.us < lost_on.us:
                last = max(last, lost) if last else lost
            lost, flag = (lost_on, True) if lost_on is not None else (lost, False)
        if flag is False and lost is not None:
            last, lost = max(last, lost) if last else lost, None
        exported = None if rules.exported_at_us is None else Moment(rules.exported_at_us, is_day=False)
        if flag is True and lost is None and exported is not None:
            known = [at.us + 1 for at in (first, last) if at]
            lost = Moment(max([exported.us, *known]), is_day=False)
        if first is None and last is None and lost is None:
            if exported is None or not rules.is_time_given:
                return self._refused(row, cells, "it has no date, and --exported-at was not given")
            last = exported
        attributes = self._attributes(cells)
        discovered = seen = gone = b""
        if first is not None:
            is_only = last is None or last.us == first.us
            lasting: dict[str, object] = {name: attributes[name] for name in _LASTING if name in attributes}
            discovered = self._event("discovered", first.us, link, attributes if is_only else lasting)
            last = None if is_only else last
        if last is not None:
            seen = self._event("seen", last.us, link, attributes)
        if lost is not None:
            at = _after_sightings(lost, [one for one in (first, last) if one], is_lost_now=flag is True)
            gone = self._event("lost", at, link, {"lost_reason": self._lost_reason(cells)})
        return discovered, seen, gone

    def _attributes(self, cells: Sequence[str]) -> dict[str, object]:
        told: dict[str, object] = {}
        if (rel := self._rel_words(cells)) is not None:
            told["rel"] = rel
        if kind := self._link_type(cells):
            told["link_type"] = kind
        others = {}
        for name, place in self._texts:
            if cells[place]:
                told[name] = cells[place]
        for name, place in self._numbers:
            text = cells[place].strip().replace(",", "")
            if text.isascii() and text.isdigit() and len(text) <= 9 and not _is_no_code(name, text):  # noqa: PLR2004
                told[name] = int(text)
            elif text:
                others[self._rules.header[place]] = cells[place]
        others |= {name: cells[place] for name, place in self._others if cells[place]}
        if others:
            told["columns"] = others
        return told

    def _rel_words(self, cells: Sequence[str]) -> list[str] | None:
        """Return the words of rel; None if the row does not say."""
        flags = [(word, _flag(cells[place])) for word, place in self._rel_flags]
        words = {word for word, is_set in flags if is_set}
        written = self._cell(cells, self._rel)
        if written:
            words |= set(re.findall(r"[a-z][a-z-]*", written.lower()))
        is_followed = _flag(self._cell(cells, self._followed))
        if is_followed is False and not words & {"nofollow", "ugc", "sponsored"}:
            words.add("nofollow")
        said = is_followed is not None or any(is_set is not None for _, is_set in flags)
        return sorted(words) if words or said else None

    def _link_type(self, cells: Sequence[str]) -> str | None:
        kind = LINK_TYPES.get(folded(self._cell(cells, self._type)))
        return kind or next((one for one, place in self._type_flags if _flag(cells[place])), None)

    def _lost_reason(self, cells: Sequence[str]) -> str:
        dropped, reason = self._cell(cells, self._drop), self._cell(cells, self._reason)
        if dropped.strip():
            return _dropped(dropped)
        if not reason.strip() or _flag(reason) is not None:
            return self._rules.layout.default_reason
        return LOST_REASONS.get(folded(reason)) or _dropped(reason)

    def _url(self, cells: Sequence[str], place: int | None) -> str:
        text = self._cell(cells, place).strip()
        if formula := _FORMULA.match(text):
            text = formula[1]
        if text and self._rules.layout.has_bare_urls and not _SCHEME.match(text):
            # host:port has the shape of a scheme, but no path follows one of these.
            text = f"https://{text}"
        return text

    def _place(self, names: Names) -> int | None:
        return place_of(self._rules.header, names)

    def _places(self, named: Mapping[str, Names]) -> list[tuple[str, int]]:
        found = ((name, self._place(names)) for name, names in named.items())
        return [(name, place) for name, place in found if place is not None]

    def _refused(self, row: int, cells: Sequence[str], why: str) -> tuple[bytes, bytes, bytes]:
        return b"", self._line({"refused": f"Row {row} is no event: {why}.", "cells": list(cells)}), b""

    def _event(self, name: str, us: int, link: dict[str, object], more: dict[str, object]) -> bytes:
        return self._line({"event": name, "observed_at": self._time_text(us), **link, **more})

    def _line(self, told: dict[str, object]) -> bytes:
        return self._encode(told).encode("utf-8", "surrogateescape")

    @staticmethod
    def _cell(cells: Sequence[str], place: int | None) -> str:
        return "" if place is None else cells[place]


def _after_sightings(lost: Moment, sightings: Sequence[Moment], *, is_lost_now: bool) -> int:
    """Return when a link was lost: of a day that it was also seen on, just after that.

    At one instant a sighting beats a loss, and a day's first instant stands for all of it. One that the row
    says is lost is lost after all its sightings: the dates of a row can contradict each other.
    """
    last_us = max((one.us for one in sightings), default=lost.us - 1)
    is_same_day = lost.is_day and lost.us <= last_us < lost.us + DAY_US
    return last_us + 1 if is_same_day or (is_lost_now and lost.us <= last_us) else lost.us


def is_date_of_loss(text: str) -> bool:
    """Tell whether a cell that may say yes or no instead is to be read as a date."""
    return not is_no_date(text) and _flag(text) is None


def _flag(text: str) -> bool | None:
    return _FLAGS.get(text.strip().lower()) if text else None


def _is_no_code(name: str, text: str) -> bool:
    return name.startswith("http_code") and int(text) > 999  # noqa: PLR2004 - of events.md


def _dropped(text: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:_MAX_REASON].strip("_")
    return f"dropped:{words or 'unstated'}"
