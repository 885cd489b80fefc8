"""What people say of domains and pages that link: rows are added, and none is ever changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from linktide.store.arrow_view import ARROW_VIEW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linktide.store.writer import StoreWriter

FIELDS: Final = ("state", "note", "contact")
"""What can be said of a subject; each is kept until another is said."""
_SCHEMA: Final = pa.schema(
    [("place", pa.uint64()), ("subject", pa.string()), ("subject_kind", pa.string())]
    + [(name, pa.string()) for name in FIELDS]
    + [(f"has_{name}", pa.bool_()) for name in FIELDS]
)
# A row holds all that holds from then on, so that no reader has to put it together.
_NOTE: Final = """
INSERT INTO internal.reviews BY NAME
WITH merged AS (
    SELECT s.place, s.subject, s.subject_kind, {merged}, {differs} AS is_other
    FROM {rows} s LEFT JOIN main.reviews r ON r.subject = s.subject
), newest AS (
    SELECT coalesce(max(review_number), 0) AS review_number, max(noted_at) AS noted_at FROM internal.reviews
)
SELECT n.review_number + row_number() OVER (ORDER BY m.place) AS review_number, m.subject, m.subject_kind,
       m.state, m.note, m.contact, greatest(CAST($now AS TIMESTAMPTZ), n.noted_at) AS noted_at,
       $noted_by AS noted_by
FROM merged m CROSS JOIN newest n
WHERE m.is_other
""".format(  # noqa: S608 - our own names
    merged=", ".join(f"CASE WHEN s.has_{name} THEN s.{name} ELSE r.{name} END AS {name}" for name in FIELDS),
    differs=" OR ".join(f"(s.has_{name} AND s.{name} IS DISTINCT FROM r.{name})" for name in FIELDS),
    rows=ARROW_VIEW,
)


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one subject."""

    subject: str
    """A registrable domain, or a normalised URL."""
    subject_kind: str
    """domain or url."""
    fields: Mapping[str, str | None]
    """Of FIELDS those that are said; None: there shall be none."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of what was said."""

    noted: int
    unchanged: int
    """Of so many subjects it was what held already."""


def note_reviews(writer: StoreWriter, said: Sequence[Said], noted_by: str) -> Noted:
    """Add a row for each subject of which something else is said than holds; all in one transaction.

    Each subject stands in `said` once. A clock that was set back changes no order: what is said later is
    never noted earlier. Raises DiskFullError or StoreFailedError; then nothing of it is kept.
    """
    rows = [
        {"place": place, "subject": one.subject, "subject_kind": one.subject_kind}
        | {name: one.fields.get(name) for name in FIELDS}
        | {f"has_{name}": name in one.fields for name in FIELDS}
        for place, one in enumerate(said)
    ]
    database = writer.database
    with (
        writer.transaction("note reviews"),
        database.arrow.of(pa.Table.from_pylist(rows, schema=_SCHEMA)),
    ):
        told = database.connection.execute(_NOTE, {"now": writer.now(), "noted_by": noted_by}).fetchall()
        noted = int(told[0][0])
        writer.at("reviewed")
    return Noted(noted, len(said) - noted)
