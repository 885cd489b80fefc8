"""What people may say of domains and pages that link, checked: by line, with a reason for each refusal."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from linktide.errors import LinktideError
from linktide.mine.cells import (
    Column,
    MineFileError,
    Refusal,
    any_text,
    one_of,
    read_bytes,
    read_cells,
    shown,
)
from linktide.store.review_rows import FIELDS, Said

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from linktide.mine.keys import UrlKeys

STATES: Final = ("for_review", "whitelist", "remove", "disavow")
NO_STATE: Final = "none"
"""Takes the state of a subject away."""
MAX_REVIEWS: Final = 100_000
"""At a time."""
MAX_NOTE: Final = 8_192
"""Characters of a note or contact."""
MAX_NAME: Final = 200
_TOLD: Final = 100
"""Most refusals in one sentence."""
_KNOWN: Final = frozenset({"line", "subject", *FIELDS})
_PLACE: Final = 2**53
_SUBJECTS: Final = ("domain", "url", "source_domain", "source_url")
REVIEW_COLUMNS: Final = (
    Column("subject", str, is_required=True, aliases=_SUBJECTS),
    *(Column(name, str) for name in FIELDS),
)


class ReviewRefusedError(LinktideError):
    """Something that is said cannot be meant; nothing of it is noted."""


def read_review_file(path: Path) -> tuple[list[Mapping[str, object]], list[Refusal]]:
    """Return the rows of a CSV file as `checked` takes them, and the rows that are none.

    An empty cell says nothing. Raises MineFileError where the whole file cannot be meant, or has no row.
    """
    cells = read_cells(read_bytes(path), path, REVIEW_COLUMNS)
    if not cells.lines and not cells.refusals:
        raise MineFileError(f"{path} has a header and no row below it; wanted one row for each review.")
    rows: list[Mapping[str, object]] = []
    for place, line in enumerate(cells.lines):
        told = {name: values[place] for name, values in cells.columns.items() if values[place] is not None}
        rows.append({"line": line, **told})
    return rows, cells.refusals


def checked(told: Mapping[str, object], keys: UrlKeys) -> tuple[list[Said], str]:
    """Return what is said of which subjects, and who says it.

    `told` has `reviews`, a list of objects with `subject` and some of FIELDS (null takes it away), and maybe
    `noted_by`. A `line` names an object in refusals, else its place does. Raises ReviewRefusedError, which
    tells the line and the reason of each refusal.
    """
    listed = told.get("reviews")
    if not isinstance(listed, list) or not listed or not set(told) <= {"reviews", "noted_by"}:
        raise ReviewRefusedError(
            "Wanted an object with reviews, a list of objects with subject and state, note or contact; and "
            "noted_by if you like."
        )
    if len(listed) > MAX_REVIEWS:
        raise ReviewRefusedError(
            f"These are {len(listed):,} reviews; wanted at most {MAX_REVIEWS:,} at a time."
        )
    name = told.get("noted_by") or "http"
    try:
        noted_by = _text_of(MAX_NAME)(name)
    except ValueError as error:
        raise ReviewRefusedError(f"noted_by, {str(name)[:80]!r}, {error}.") from error
    said, refusals = check_rows(listed, keys)
    if refusals:
        raise refused(refusals, len(listed))
    return said, noted_by


def check_rows(listed: Sequence[object], keys: UrlKeys) -> tuple[list[Said], list[Refusal]]:
    """Return what the good ones of these objects say, and why the others cannot be meant, by line."""
    check = _Check()
    for place, row in enumerate(listed, 1):
        _read_row(row, place, check)
    subjects = _subjects([one.subject for one in check.rows], keys, check)
    seen: dict[str, int] = {}
    said = []
    for row, subject in zip(check.rows, subjects, strict=True):
        if subject is None:
            continue
        if subject in seen:
            reason = f"stands already in line {seen[subject]}"
            check.refusals.append(shown(row.line, "subject", row.subject, reason))
            continue
        seen[subject] = row.line
        said.append(Said(subject, "url" if "/" in subject else "domain", row.fields))
    return said, sorted(check.refusals, key=lambda one: one.line)


def refused(refusals: Sequence[Refusal], count: int) -> ReviewRefusedError:
    """Return the error that tells of refusals among so many reviews."""
    sentences = [one.sentence() for one in refusals[:_TOLD]]
    more = [f"and {len(refusals) - _TOLD:,} more"] if len(refusals) > _TOLD else []
    return ReviewRefusedError(
        f"Nothing is noted, {len(refusals):,} of {count:,} reviews cannot be: {'; '.join(sentences + more)}."
    )


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    subject: str
    fields: Mapping[str, str | None]


@dataclass(slots=True)
class _Check:
    """What was found so far."""

    rows: list[_Row] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def _read_row(told: object, place: int, check: _Check) -> None:
    """Take one object, or the first reason why not."""
    if not isinstance(told, Mapping):
        check.refusals.append(shown(place, "-", str(told), "is no object with a subject"))
        return
    row = cast("Mapping[str, object]", told)
    line = row.get("line", place)
    if type(line) is not int or not 0 < line < _PLACE:
        check.refusals.append(shown(place, "line", str(line), "is no number of a line"))
        return
    if unknown := sorted(set(row) - _KNOWN):
        reason = f"is not known, wanted some of {', '.join(('subject', *FIELDS))}"
        check.refusals.append(shown(line, "-", str(unknown[0]), reason))
        return
    fields: dict[str, str | None] = {}
    for name in ("subject", *FIELDS):
        value = row.get(name)
        try:
            if name == "subject":
                subject = _READERS[name](value)
            elif name in row:
                fields[name] = None if value is None else _READERS[name](value) or None
        except ValueError as error:
            check.refusals.append(shown(line, name, "" if value is None else str(value), str(error)))
            return
    if not fields:
        reason = f"comes with nothing, give it one of {', '.join(FIELDS)}"
        check.refusals.append(shown(line, "subject", subject, reason))
        return
    check.rows.append(_Row(line, subject, fields))


def _subjects(texts: Sequence[str], keys: UrlKeys, check: _Check) -> list[str | None]:
    """Return subjects as the index has them; None, with a refusal, for what it never can have."""
    found: list[str | None] = [None] * len(texts)
    wrong: dict[int, str] = {}
    places = [place for place, text in enumerate(texts) if "/" in text]
    urls, reasons = keys.urls([texts[place] for place in places])
    good = iter(urls)
    for at, place in enumerate(places):
        if at in reasons:
            wrong[place] = f"{reasons[at]}, wanted a domain, or a URL with http:// or https://"
        else:
            found[place] = next(good)[0]
    places = [place for place, text in enumerate(texts) if "/" not in text]
    names, reasons = keys.names([texts[place] for place in places])
    named = iter(names)
    for at, place in enumerate(places):
        if at in reasons:
            wrong[place] = reasons[at]
            continue
        url, domain = next(named)
        if url != f"https://{domain}/" or "@" in texts[place]:
            wrong[place] = f"is no domain that links are counted by, wanted {domain} or a URL"
        else:
            found[place] = domain
    _refuse_suffixes(found, keys, check, wrong)
    for place, reason in wrong.items():
        found[place] = None
        check.refusals.append(shown(check.rows[place].line, "subject", texts[place], reason))
    return found


def _refuse_suffixes(
    found: Sequence[str | None], keys: UrlKeys, check: _Check, wrong: dict[int, str]
) -> None:
    """Refuse to disavow what others have their domains under: Google would disregard all of them."""
    asked = {
        place: name
        for place, name in enumerate(found)
        if name is not None and "/" not in name and check.rows[place].fields.get("state") == "disavow"
    }
    suffixes = keys.suffixes(list(asked.values()))
    for place, name in asked.items():
        if name in suffixes and not _is_address(name):
            wrong[place] = "is a public suffix, under which others have their domains: disavow pages by URL"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _text_of(most: int) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError("is no text")  # noqa: TRY004 - a refusal as all others
        if len(value) > most:
            raise ValueError(f"is longer than {most:,} characters")
        return any_text(value.strip())

    return read


def _subject(value: object) -> str:
    found = _text_of(MAX_NOTE)(value)
    if not found:
        raise ValueError("is empty")
    return found


def _state(value: object) -> str:
    word = one_of(*STATES, NO_STATE)(_text_of(MAX_NOTE)(value))
    return "" if word == NO_STATE else word


_READERS: Final[dict[str, Callable[[object], str]]] = {
    "subject": _subject,
    "state": _state,
    "note": _text_of(MAX_NOTE),
    "contact": _text_of(MAX_NOTE),
}
