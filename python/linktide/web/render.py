"""Facts in, HTML out. Every text is escaped, and what hides or re-orders text is written out."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from linktide.plain import plain_cell, plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linktide.web.assets import Asset

NONE: Final = "\u2013"
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP: Final = 1024


class Pages:
    """The templates, compiled once; safe for many threads."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        self._environment = Environment(
            loader=PackageLoader("linktide.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(
            plain=plain,
            count=count,
            figure=figure,
            percent=percent,
            cell=cell,
            points=points,
            seconds=seconds,
            size=size,
            moment=moment,
            day=day,
            clock=clock,
            bare=bare,
            href=href,
            domain_path=domain_path,
            attribute_json=attribute_json,
        )
        self._environment.globals["asset"] = lambda name: f"/static/{name}?v={assets[name].version}"

    def render(self, template: str, facts: Mapping[str, object]) -> str:
        """Return one page. A fact that a template names and `facts` lacks is an error, never a gap."""
        return self._environment.get_template(template).render(facts)


def plain(value: object) -> str:
    """Return a stranger's text on one line, controls and what re-orders text written out."""
    return "" if value is None else plain_text(str(value))


def cell(value: object) -> str:
    """Return a stranger's text as `plain`, and as no spreadsheet evaluates it once it is pasted there."""
    return "" if value is None else plain_cell(str(value))


def count(value: object) -> str:
    """Return a whole number with its thousands apart."""
    number = _number(value)
    return NONE if number is None else f"{number:,.0f}"


def figure(value: object) -> str:
    """Return a number with as many digits as it is worth."""
    number = _number(value)
    if number is None:
        return NONE
    if abs(number) >= 100 or number == int(number):  # noqa: PLR2004 - three digits
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 1 else f"{number:.2g}"


def points(value: object) -> str:
    """Return a score of 0 to 100."""
    number = _number(value)
    return NONE if number is None else f"{number:.1f}"


def percent(value: object) -> str:
    """Return a share of one as percent."""
    number = _number(value)
    return NONE if number is None else f"{figure(number * 100)} %"


def seconds(value: object) -> str:
    """Return a stretch of time with its unit."""
    number = None if isinstance(value, float) and math.isnan(value) else value
    if not isinstance(number, int | float):
        return NONE
    if math.isinf(number):
        return "very long"
    return f"{number * 1000:.0f} ms" if 0 < number < 1 else f"{number:,.1f} s"


def size(value: object) -> str:
    """Return bytes with the unit that leaves at most four digits."""
    number = _number(value)
    if number is None:
        return NONE
    for unit in _UNITS:
        if number < _STEP or unit == _UNITS[-1]:
            return f"{number:,.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"  # noqa: PLR2004
        number /= _STEP
    return NONE


def moment(value: object) -> str:
    """Return a time to the second, in UTC."""
    at = _at(value)
    return NONE if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def day(value: object) -> str:
    """Return the day of a time, in UTC."""
    at = _at(value)
    return NONE if at is None else f"{at:%Y-%m-%d}"


def clock(value: object, now: object) -> str:
    """Return the time of day of what happened on the day of `now`, else its day."""
    at, today = _at(value), _at(now)
    if at is None:
        return NONE
    return f"{at:%H:%M:%S}" if today is not None and at.date() == today.date() else f"{at:%Y-%m-%d}"


def bare(url: object) -> str:
    """Return an address as people read it: without its scheme, one line."""
    return plain(url).removeprefix("https://").removeprefix("http://")


def href(url: object) -> str:
    """Return an address that a link may lead to; nothing if it is not one of the web."""
    text = "" if url is None else str(url)
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    is_web = parts.scheme in {"http", "https"} and bool(parts.netloc)
    return quote(text, safe=":/?#[]@!$&'()*+,;=%~") if is_web else ""


def domain_path(name: object) -> str:
    """Return where the page of a domain is."""
    return f"/domains/{quote(str(name), safe='')}"


def attribute_json(value: object) -> str:
    """Return JSON for an attribute of an element: the template escapes it as it does all text."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if is_number else None  # type: ignore[arg-type]  # is_number says so


def _at(value: object) -> datetime | None:
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
