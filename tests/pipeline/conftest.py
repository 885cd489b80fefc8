"""Runs that several tests look at; made once a worker, so their tests share an xdist group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oracle.corpora import fpb_lines, page_href_lines
from pipeline.real_runs import RealRun, run_real

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def fpb(tmp_path_factory: pytest.TempPathFactory) -> RealRun:
    """Links of one page set over thirteen years, in file order."""
    return run_real(folder(tmp_path_factory) / "fpb.duckdb", fpb_lines)


@pytest.fixture(scope="session")
def page_hrefs(tmp_path_factory: pytest.TempPathFactory) -> RealRun:
    """All links of a thousand pages of as many hosts."""
    return run_real(folder(tmp_path_factory) / "page_hrefs.duckdb", page_href_lines)


def folder(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("real")
