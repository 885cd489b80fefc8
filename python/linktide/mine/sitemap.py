"""A sitemap.xml as rows of own pages; of XML no more than that: no document type, no entities of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from linktide.mine.cells import Cells, MineFileError, moment, shown

if TYPE_CHECKING:
    from pathlib import Path

_URL, _LOC, _LASTMOD = ("url", "loc", "lastmod")


@dataclass(slots=True)
class _Walk:
    """Where the parser is."""

    cells: Cells
    line: int = 0
    name: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    is_index: bool = False

    def start(self, name: str, _attributes: object) -> None:
        self.name = name.rpartition(" ")[2]
        if self.name == "sitemapindex":
            self.is_index = True

    def text(self, data: str) -> None:
        if self.name in (_LOC, _LASTMOD):
            self.texts[self.name] = self.texts.get(self.name, "") + data

    def end(self, name: str) -> None:
        self.name = ""
        if name.rpartition(" ")[2] != _URL:
            return
        texts, self.texts = self.texts, {}
        url, told = texts.get(_LOC, "").strip(), texts.get(_LASTMOD, "").strip()
        try:
            # When a page was changed says only that it was there by then: it is not when it was published.
            if told:
                moment(told)
        except ValueError as error:
            self.cells.refuse(shown(self.line, _LASTMOD, told, str(error)))
            return
        if not url:
            self.cells.refuse(shown(self.line, _LOC, url, "is empty"))
            return
        self.cells.lines.append(self.line)
        self.cells.columns["url"].append(url)
        self.cells.columns["published_at"].append(None)
        self.cells.columns["title"].append(None)


def read_sitemap(raw: bytes, path: Path) -> Cells:
    """Return the pages of a sitemap. Raises MineFileError."""
    walk = _Walk(Cells({"url": [], "published_at": [], "title": []}))
    parser = expat.ParserCreate(namespace_separator=" ")

    def refuse(*_: object) -> None:
        raise MineFileError(f"{path}, line {parser.CurrentLineNumber}: a sitemap has no document type.")

    def start(name: str, attributes: object) -> None:
        walk.line = parser.CurrentLineNumber
        walk.start(name, attributes)

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, walk.end
    parser.CharacterDataHandler = walk.text
    try:
        parser.Parse(raw, True)  # noqa: FBT003 - the parser's own
    except expat.ExpatError as error:
        raise MineFileError(
            f"{path}, line {error.lineno}: is no XML ({expat.ErrorString(error.code)})."
        ) from error
    if walk.is_index:
        raise MineFileError(f"{path} is an index of sitemaps; name the sitemaps themselves.")
    return walk.cells
