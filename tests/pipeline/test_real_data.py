"""Real link events through the whole pipeline equal the brute force, view by view."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oracle.compare import assert_same
from oracle.corpora import FPB_FILE, data_folder, fpb_lines, identified_events, page_href_lines
from oracle.events import Origin
from oracle.model import derive
from pipeline import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = data_folder(os.environ, Path(__file__).parents[2])
pytestmark = pytest.mark.skipif(not (FOLDER / FPB_FILE).exists(), reason=f"no test data in {FOLDER}")


def check(path: Path, lines: Sequence[bytes]) -> None:
    events, refused = identified_events(lines, whole.identify, Origin("memory", "links", 0, 0))
    with whole.opened(path) as index:
        assert_same(index.query, derive(events, refused))


def test_fpb_in_file_order(tmp_path: Path) -> None:
    lines = fpb_lines(FOLDER)
    whole.run(tmp_path / "fpb.duckdb", [whole.memory(lines)])
    check(tmp_path / "fpb.duckdb", lines)


def test_fpb_shuffled(tmp_path: Path) -> None:
    lines = fpb_lines(FOLDER)
    random.Random(7).shuffle(lines)
    whole.run(tmp_path / "fpb.duckdb", [whole.memory(lines)])
    check(tmp_path / "fpb.duckdb", lines)


def test_many_source_domains(tmp_path: Path) -> None:
    lines = page_href_lines(FOLDER)
    whole.run(tmp_path / "hrefs.duckdb", [whole.memory(lines)])
    check(tmp_path / "hrefs.duckdb", lines)
