"""What a column of an export can mean; `catalogue.py` says which columns of which vendor do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Names = tuple[str, ...]
"""Headers of one meaning, the best first; as the vendor writes them, compared as `folded`."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of export of a vendor. A row is one link; columns without a meaning are kept as written."""

    vendor: str
    title: str
    """What people call this export."""
    signature: Names
    """Headers that it always has."""
    marks: Names = ()
    """It has one of these besides; empty: the signature is enough."""
    source_url: Names = ()
    target_url: Names = ()
    """Empty: the export says nothing of the target, all links are to the home page of `--target`."""
    first_seen: Names = ()
    last_seen: Names = ()
    """When the link was last seen alive."""
    lost_at: Names = ()
    """When it was found lost."""
    is_lost: Names = ()
    """A flag. True without a `lost_at`: lost by the time of the export. False: a `lost_at` is a sighting."""
    is_lost_needed: bool = False
    """Where there is an `is_lost`, a `lost_at` is a loss only if it says so; it may be a date itself."""
    lost_reason: Names = ()
    drop_reason: Names = ()
    """Why the vendor no longer looks at the page; wins over `lost_reason`."""
    default_reason: str = "dropped:unstated"
    rel_flags: Mapping[str, Names] = field(default_factory=dict)
    """Word of rel → its flags."""
    followed: Names = ()
    """A flag: the link passes authority."""
    rel: Names = ()
    """The words of rel in one cell."""
    link_type: Names = ()
    type_flags: Mapping[str, str] = field(default_factory=dict)
    """Flag → the link type it means."""
    texts: Mapping[str, Names] = field(default_factory=dict)
    """Attribute that is text → headers."""
    numbers: Mapping[str, Names] = field(default_factory=dict)
    """Attribute that is a whole number → headers."""
    has_bare_urls: bool = False
    """URLs may come without a scheme; https is meant."""

    @property
    def dates(self) -> Names:
        """All headers of dates."""
        return (*self.first_seen, *self.last_seen, *self.lost_at)

    def fits(self, header: Iterable[str]) -> bool:
        """Tell whether a header is one of this layout."""
        there = {folded(name) for name in header}
        has_mark = not self.marks or any(folded(name) in there for name in self.marks)
        return has_mark and all(folded(name) in there for name in self.signature)


def folded(name: str) -> str:
    """Return a header as it is compared: letters and digits only, lower case.

    >>> folded("Referring page URL") == folded(" referring_page_url")
    True
    """
    return re.sub(r"[\W_]+", "", name.lower())


def place_of(header: Iterable[str], names: Names) -> int | None:
    """Return where the first of `names` that is there stands, None if none is."""
    there: dict[str, int] = {}
    for place, name in enumerate(header):
        there.setdefault(folded(name), place)
    return next((there[folded(name)] for name in names if folded(name) in there), None)
