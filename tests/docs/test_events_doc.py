"""docs/events.md says what the core does."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from linktide import _core
from linktide.index import Decoder
from linktide.sources.parquet import ParquetReader
from linktide.sources.source import Chunk, Codec, Partition
from linktide.suffixes import read_suffix_list

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


def test_the_bounds_of_a_url_are_those_of_the_core() -> None:
    (longest_written, longest_host, longest_kept) = (
        int(number.replace(",", ""))
        for number in re.findall(r"[0-9]+,[0-9]{3}", PAGE.split("## URLs")[1].split("##")[0])
    )
    begin = "https://a.example/"
    kept = begin + "b" * (longest_kept - len(begin))
    # What normalising cuts off counts as written.
    fragment = begin + "#" + "b" * (longest_written - len(begin) - 1)
    assert [refused_for(url) for url in (kept, fragment)] == [None, None]
    assert [refused_for(url + "b") for url in (kept, fragment)] == ["URL_TOO_LONG"] * 2
    assert refused_for(f"https://{'a' * (longest_host + 1)}/") == "URL_HOST"


def refused_for(url: str) -> str | None:
    """Return the reason for which an event with this target is a dead letter, None if it is none."""
    moment_us = 1_785_542_400_000_000
    event = {"event": "seen", "observed_at": moment_us / 1000, "source_url": "https://s.example/"}
    line = json.dumps(event | {"target_url": url}).encode() + b"\n"
    chunk = Chunk(Partition("file", "x", "", 0), Codec.NDJSON, line, 0, 1, moment_us)
    reasons = Decoder(read_suffix_list(None).text, 1, 1 << 20).decode([(1, chunk)]).by_reason()
    return reasons[0][0] if reasons else None


def test_a_row_of_a_parquet_file_is_an_event_as_the_page_says(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    row = {
        "event": "discovered",
        "source_url": "https://blog.example/post",
        "target_url": "https://shop.example/",
        "rel": ["nofollow", "ugc"],
        "anchor": None,
        "http_code": 200,
        "noindex": True,
        "column_of_mine": "kept",
    }
    times = (moment, moment.replace(tzinfo=None), int(moment.timestamp() * 1000), moment.isoformat())
    for number, time in enumerate(times):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.Table.from_pylist([row | {"observed_at": time}]), path)
        reader = ParquetReader(path, 0)
        line, _ = reader.read()
        reader.close()
        event = _core.decode_event(line, int(moment.timestamp() * 1_000_000))
        assert isinstance(event, dict), event
        assert event["observed_at_us"] == int(moment.timestamp() * 1_000_000)
        assert event["rel"] == "nofollow ugc"
        assert event["anchor"] is None
        assert "column_of_mine" in json.dumps(event["extra"])
