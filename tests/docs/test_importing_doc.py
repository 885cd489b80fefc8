"""The tables of docs/importing.md are written from that of exports, and what the page says holds."""

from __future__ import annotations

import re
from pathlib import Path

from linktide.cli import main
from linktide.sources.vendors.catalogue import LAYOUTS, VENDORS
from linktide.sources.vendors.declared import Coverage
from linktide.sources.vendors.reference import importing_text
from linktide.sources.vendors.row_events import ROW_LINES

PAGE = (Path(__file__).parents[2] / "docs" / "importing.md").read_text("utf-8")


def test_the_page_is_what_the_table_says() -> None:
    assert importing_text(PAGE) == PAGE, "run: python -m linktide.sources.vendors.reference docs"


def test_every_header_that_is_known_is_on_the_page() -> None:
    for layout in LAYOUTS:
        section = PAGE.split(f"### {layout.title}\n")[1].split("\n#")[0]
        named = {*layout.signature, *layout.marks, *layout.dates, *layout.source_url, *layout.target_url}
        named |= {name for names in layout.texts.values() for name in names} | set(layout.type_flags)
        assert all(f"`{name}`" in section for name in named)
        assert f"`--vendor {layout.vendor}`" in section


def test_options_and_scopes_are_those_of_the_command() -> None:
    options = {one for item in main.commands["import"].params for one in item.opts}
    assert set(re.findall(r"(?<!-)--[a-z][a-z-]+", PAGE)) <= options
    table = PAGE.split("| `--scope` |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == ["sample", "capped", "complete"]
    assert {str(one) for one in Coverage} == {"sample", "capped", "complete"}
    assert f"source_offset // {ROW_LINES} + 1" in PAGE
    assert set(VENDORS) == set(re.findall(r"`--vendor (\w+)`", PAGE))
