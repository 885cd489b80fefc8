"""docs/events.md says what the core does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from linktide import _core

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "events.md").read_text(encoding="utf-8")


def test_the_table_of_reasons_is_that_of_the_core() -> None:
    table = PAGE.split("| reason |")[1]
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (.+) \|$", table, flags=re.MULTILINE)
    assert rows == _core.dead_letter_reasons()


def test_the_table_of_fields_is_that_of_the_schema() -> None:
    schema = json.loads((DOCS / "schema" / "link-event.v1.schema.json").read_text(encoding="utf-8"))
    table = PAGE.split("| field |")[1].split("\n\n")[0]
    cells = re.findall(r"^\| (`.+?`) \|", table, flags=re.MULTILINE)
    fields = [name for cell in cells for name in re.findall("`([a-z_]+)`", cell)]
    assert sorted(fields) == sorted(schema["properties"])


def test_the_example_is_an_event() -> None:
    example = PAGE.split("```json\n")[1].split("```")[0]
    assert isinstance(_core.decode_event(example.encode(), 1_785_542_400_000_000), dict)
