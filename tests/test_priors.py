"""The prior file: both forms, and what is wrong in either."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from linktide.errors import ConfigError
from linktide.priors import BASE, read_priors

if TYPE_CHECKING:
    from pathlib import Path

RANKS = (
    "#harmonicc_pos\t#harmonicc_val\t#pr_pos\t#pr_val\t#host_rev\t#n_hosts\n"
    "1\t9.0\t1\t0.02\tcom.example\t4\n"
    "2\t8.0\t9\t0.001\torg.example.www\t1\n"
    "3\t7.0\t7\t0.005\tuk.co.example\t1\n"
)


def priors(path: Path, column: str | None = None, most: int = 10) -> dict[str, float]:
    rows = [row for batch in read_priors(path, column, most) for row in batch.to_pylist()]
    return {row["domain_name"]: row["prior"] for row in rows}


@pytest.mark.parametrize("is_packed", [False, True])
def test_ranks_of_the_whole_web(tmp_path: Path, *, is_packed: bool) -> None:
    path = tmp_path / ("ranks.txt.gz" if is_packed else "ranks.txt")
    path.write_bytes(gzip.compress(RANKS.encode()) if is_packed else RANKS.encode())
    assert priors(path) == pytest.approx(
        {"example.com": 20 * BASE, "www.example.org": BASE, "example.co.uk": 5 * BASE}
    )
    assert priors(path, most=1) == pytest.approx({"example.com": BASE})


def test_a_rating_shows_as_itself(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("Domain,DR,Links\nA.example,25,3\nb.example.,0,1\nc.example,,\n", encoding="utf-8")
    assert priors(path, "DR") == pytest.approx({"a.example": 100 * BASE, "b.example": BASE})
    assert list(priors(path, "DR", most=1)) == ["a.example"]


@pytest.mark.parametrize(
    ("text", "column", "wanted"),
    [
        ("Domain,DR\na.example,3\n", None, "name the column of its rating by authority.prior_column"),
        ("Domain,DR\na.example,101\n", "DR", "wanted ratings from 0 to 100"),
        ("Domain,DR\na.example,high\n", "DR", "wanted ratings from 0 to 100"),
        ("Page,DR\na.example,3\n", "DR", "has the columns Page, DR"),
        ("Domain,DR\na.example,3\n", "AS", "wanted AS"),
        ("", "DR", "is no CSV"),
        (RANKS + "4\t1\t2\n", None, "line 5"),
        (RANKS + "4\t1\t2\t-1\tcom.x\t1\n", None, "wanted tab-separated ranks with a positive pagerank"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, column: str | None, wanted: str) -> None:
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=wanted):
        read_priors(path, column, 100)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_priors(tmp_path / "none.csv", "DR", 1)
    (tmp_path / "cut.gz").write_bytes(gzip.compress(RANKS.encode())[:40])
    with pytest.raises(ConfigError, match="cannot be read"):
        read_priors(tmp_path / "cut.gz", None, 10)
