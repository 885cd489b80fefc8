"""Writes the tables of docs/importing.md: `python -m linktide.sources.vendors.reference docs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from linktide.sources.vendors.catalogue import LAYOUTS, LINK_TYPES, LOST_REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linktide.sources.vendors.mapping import Layout, Names

_NOTE: Final = "<!-- From here on by `python -m linktide.sources.vendors.reference docs`; do not edit. -->"
_MEANINGS: Final = (
    ("source_url", "`source_url`"),
    ("target_url", "`target_url`"),
    ("first_seen", "`discovered`"),
    ("last_seen", "`seen`"),
    ("lost_at", "`lost`"),
    ("is_lost", "whether it is lost"),
    ("drop_reason", "`lost_reason`, as `dropped:…`"),
    ("lost_reason", "`lost_reason`"),
    ("followed", "`rel`: true is followed, false `nofollow`"),
    ("rel", "`rel`"),
    ("link_type", "`link_type`"),
)


def importing_text(page: str) -> str:
    """Return docs/importing.md with its tables written anew."""
    lines = [page.partition(_NOTE)[0].rstrip(), "", _NOTE, "", "## Which columns mean what", ""]
    lines += ["Of several headers of one meaning the first that is there holds.", ""]
    for layout in LAYOUTS:
        lines += _section(layout)
    lines += ["## Words", ""]
    lines += [_words("lost_reason", LOST_REASONS, "becomes `dropped:` and the word"), ""]
    lines += [_words("link_type", LINK_TYPES, "says nothing")]
    return "\n".join(lines) + "\n"


def _section(layout: Layout) -> Iterator[str]:
    yield f"### {layout.title}"
    marks = f" and one of {_names(layout.marks)}" if layout.marks else ""
    yield f"`--vendor {layout.vendor}`. Known by {_names(layout.signature)}{marks}."
    if not layout.target_url:
        yield "It does not say what is linked: every link is taken to point at the home page of `--target`."
    elif layout.vendor == "gsc":
        yield "Where it does not say what is linked, links are taken to point at the home page of `--target`."
    if layout.has_bare_urls:
        yield "A URL without a scheme is taken as https."
    if layout.lost_at or layout.is_lost:
        yield f"A loss without a reason has `{layout.default_reason}`."
    yield ""
    yield "| column | becomes |"
    yield "|---|---|"
    for field, meaning in _MEANINGS:
        if names := getattr(layout, field):
            yield f"| {_names(names)} | {meaning} |"
    for word, names in layout.rel_flags.items():
        yield f"| {_names(names)} | `rel`: `{word}` |"
    for name, kind in layout.type_flags.items():
        yield f"| `{name}` | `link_type`: {kind} |"
    for field, names in (*layout.texts.items(), *layout.numbers.items()):
        yield f"| {_names(names)} | `{field}` |"
    yield ""


def _names(names: Names) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _words(field: str, words: dict[str, str], other: str) -> str:
    told = ", ".join(f"{word} → {meant}" for word, meant in words.items() if word != meant)
    return f"`{field}`: the words of [events.md](events.md), and {told}. Whatever else {other}."


def write(folder: Path) -> None:
    """Write the tables of the page in `folder`."""
    path = folder / "importing.md"
    path.write_text(importing_text(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
