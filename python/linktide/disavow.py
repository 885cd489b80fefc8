"""A file for Google's disavow tool, of what a person reviewed so; within the limits that Google tells.

https://support.google.com/webmasters/answer/2648487: one URL or `domain:name` a line, `#` begins a remark,
UTF-8 or ASCII, at most 2,048 characters a URL, 100,000 lines and 2 MB, remarks and empty lines included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from linktide.errors import LinktideError
from linktide.plain import plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

MAX_LINES: Final = 100_000
MAX_BYTES: Final = 2_000_000
MAX_URL: Final = 2_048
DISAVOW_SQL: Final = "SELECT line, subject, note, noted_at FROM disavow_export($1)"


class DisavowError(LinktideError):
    """Google would not take the file; none is written."""


@dataclass(frozen=True, slots=True)
class DisavowFile:
    """The text, and what there is to tell of it."""

    text: str
    remarks: tuple[str, ...]


def disavow_file(domain_name: str, rows: Sequence[Mapping[str, object]], now: datetime) -> DisavowFile:
    """Return the file of these rows of `disavow_export`.

    A line that names the note and the day stands before each; if only these make the file too long, it has
    none. Raises DisavowError where Google would refuse the file or a line of it.
    """
    if long := [str(row["subject"]) for row in rows if len(str(row["subject"])) > MAX_URL]:
        raise DisavowError(
            f"{len(long):,} URLs are longer than the {MAX_URL:,} characters that Google takes, the first: "
            f"{long[0][:80]}…; disavow their domains instead."
        )
    if not rows:
        return DisavowFile("", (f"No domain or page that links to {domain_name} is reviewed as disavow.",))
    head = f"# Links to {domain_name} that were reviewed as disavow, {now:%Y-%m-%d}\n"
    text = head + "".join(f"{_remark(row)}{row['line']}\n" for row in rows)
    if not (over := _over(text)):
        return DisavowFile(text, ())
    bare = head + "".join(f"{row['line']}\n" for row in rows)
    if _over(bare):
        raise DisavowError(
            f"The file would have {_over(bare)}; Google takes at most {MAX_LINES:,} lines and {MAX_BYTES:,} "
            "bytes. Disavow whole domains instead of their pages."
        )
    return DisavowFile(bare, (f"Notes are left out: with them the file would have {over}.",))


def _remark(row: Mapping[str, object]) -> str:
    # A note that broke its line would be a line of the file.
    told = f": {plain_text(str(row['note']))}" if row["note"] is not None else ""
    return f"# {row['noted_at']:%Y-%m-%d}{told}\n"


def _over(text: str) -> str:
    """Return what of a text is too much, nothing if it may be so long."""
    lines, size = text.count("\n"), len(text.encode("utf-8"))
    return f"{lines:,} lines and {size:,} bytes" if lines > MAX_LINES or size > MAX_BYTES else ""
