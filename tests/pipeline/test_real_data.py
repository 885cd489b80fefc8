"""Real link events through the whole pipeline equal the brute force, view by view."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from oracle.compare import assert_same
from oracle.corpora import fpb_lines
from pipeline import whole
from pipeline.real_runs import RealRun, needs_data, run_real

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_data

OF_RULES = ("link_kinds", "link_mix")
"""The oracle knows the rules that histories meet; tests/store/test_source_rules.py has sources for each."""


def check(run: RealRun) -> None:
    with whole.opened(run.path) as stopped:
        assert_same(stopped.query, run.state, without=OF_RULES)


@pytest.mark.xdist_group("fpb")
def test_fpb_in_file_order(fpb: RealRun) -> None:
    check(fpb)


@pytest.mark.xdist_group("page_hrefs")
def test_many_source_domains(page_hrefs: RealRun) -> None:
    check(page_hrefs)


def test_fpb_shuffled(tmp_path: Path) -> None:
    def shuffled(folder: Path) -> list[bytes]:
        lines = fpb_lines(folder)
        random.Random(7).shuffle(lines)
        return lines

    check(run_real(tmp_path / "fpb.duckdb", shuffled))
