"""docs/parity.md names statements that an outsider may send, and that say something."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linktide import service
from linktide.config import load
from linktide.sources.memory import MemorySource, chunk_lines
from linktide.sources.source import Partition
from linktide.store.public_names import MACROS, VIEWS
from linktide.store.stopped import open_stopped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linktide.store.reader import ReaderPool

PAGE = (Path(__file__).parents[2] / "docs" / "parity.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|`]+) \|(?: `([^`]+)`)? \|(.*)\|$", PAGE, flags=re.MULTILINE)
STATEMENTS = [(report, sql) for report, sql, _ in ROWS if sql]
SILENT = {"errors, id_list"}
"""Nothing of these is in the few events told here."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderPool]:
    folder = tmp_path_factory.mktemp("parity")
    lines: list[dict[str, object]] = []
    for number in range(12):
        target = ("example.org", "example.com", "example.net")[number % 3]
        for event in ("discovered", "lost")[: 1 + (number > 8)]:
            told: dict[str, object] = {
                "event": event,
                "observed_at": datetime(2026, 11, 2 + 4 * (event == "lost"), number, tzinfo=UTC).isoformat(),
                "source_url": f"https://s{number // 3}.net/page",
                "target_url": f"https://{target}/{'a' if number % 2 else ''}",
            }
            lines.append(told | ({"anchor": "words", "ip_source": "192.0.2.1"} if event != "lost" else {}))
    lines += [
        {"event": "discovered", "observed_at": "2026-11-03T00:00:00Z", "source_url": f"https://example.org/{page}",
         "target_url": f"https://example.{to}/", "anchor": "out"}
        for page, to in (("a", "org"), ("b", "com"), ("c", "net"))
    ]  # fmt: skip
    lines += [
        {"event": "discovered", "observed_at": "2026-11-05T00:00:00Z", "source_url": "https://other.net/",
         "target_url": f"https://example.{to}/"}
        for to in ("com", "net")
    ]  # fmt: skip
    lines += [
        {"event": "target", "observed_at": "2026-11-05T00:00:00Z", "target_url": "https://example.org/",
         "http_code": 404}
    ]  # fmt: skip
    encoded = [json.dumps(line).encode() for line in sorted(lines, key=lambda line: str(line["observed_at"]))]
    received_at_us = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1e6)
    chunks = chunk_lines(Partition("memory", "links", "", 0), encoded, received_at_us=received_at_us)
    flags = {"database": folder / "links.duckdb", "authority_min_domains": 0}
    config = load(flags=flags, environ={}, folder=folder)
    service.Service(config, sources=[MemorySource(chunks)], stop_when_exhausted=True, has_http=False).run()
    with open_stopped(folder / "links.duckdb") as pool:
        yield pool


def test_every_report_has_a_row() -> None:
    assert len(ROWS) == len(re.findall(r"^\| ", PAGE, flags=re.MULTILINE)) - 2
    assert len(STATEMENTS) > 40


@pytest.mark.parametrize(("report", "sql"), STATEMENTS, ids=[report for report, _ in STATEMENTS])
def test_the_statement_of_a_report_can_be_asked(told: ReaderPool, report: str, sql: str) -> None:
    table = told.query(sql).table
    assert table.num_columns
    assert (table.num_rows > 0) == (report not in SILENT), table.num_rows


def test_words_in_code_are_views_macros_or_fields() -> None:
    named = set(re.findall(r"`([a-z_]+)`", PAGE)) - {"page", "target", "ip_source", "backlinks"}
    assert named <= set(VIEWS) | set(MACROS), named - set(VIEWS) - set(MACROS)
