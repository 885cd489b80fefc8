"""What the watch of the list's file stages, refuses and tells."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from linktide.config import Config
from linktide.errors import ConfigError
from linktide.metrics.values import Metrics
from linktide.suffix_watch import SuffixWatch
from linktide.suffixes import (
    LEAST_RULES,
    age_seconds,
    misplaced,
    parse_suffix_list,
    read_suffix_list,
    suffix_list_path,
)

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AGE = "linktide_public_suffix_list_age_seconds"
REFUSED = "linktide_public_suffix_list_refused_total"


def text_of(*rules: str, version: str | None = "2026-11-20_12-00-00_UTC") -> str:
    head = [] if version is None else [f"// VERSION: {version}"]
    rest = [f"unmet{number}" for number in range(LEAST_RULES)]
    return "\n".join([*head, "// ===BEGIN ICANN DOMAINS===", *rest, *rules, "// ===END ICANN DOMAINS===\n"])


class Watched:
    """A watch on a file that tests write."""

    def __init__(self, folder: Path, in_force: str) -> None:
        self.path = folder / "list.dat"
        self.metrics = Metrics()
        self.watch = SuffixWatch(self.path, self.metrics, lambda: NOW)
        self.put_in_force(in_force)
        self._written = 0

    def put_in_force(self, text: str) -> None:
        self.watch.put_in_force(parse_suffix_list(text, "x").version, text)

    def write(self, text: str | bytes) -> None:
        self.path.write_bytes(text if isinstance(text, bytes) else text.encode())
        # A file system may give two writes in a row one time.
        self._written += 1
        os.utime(self.path, ns=(self._written, self._written))
        self.watch.look()

    @property
    def staged(self) -> str | None:
        return None if self.watch.staged is None else self.watch.staged.text

    def samples(self, name: str) -> list[str]:
        lines = self.metrics.exposition().decode().splitlines()
        return [line for line in lines if line.startswith(name)]


def test_another_list_is_staged_until_it_is_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = text_of("com"), text_of("com", "blog.com", version="2026-11-21_12-00-00_UTC")
    watched = Watched(tmp_path, first)
    with caplog.at_level(logging.INFO, "linktide"):
        watched.write(first)
        assert (watched.staged, caplog.messages) == (None, [])
        watched.write(second)
        watched.watch.look()
    assert watched.staged == second
    assert len(caplog.messages) == 1
    assert "2026-11-21_12-00-00_UTC" in caplog.messages[0]
    versions = {"in_force": "2026-11-20_12-00-00_UTC", "staged": "2026-11-21_12-00-00_UTC"}
    assert watched.watch.told() == versions
    labels = 'in_force="2026-11-20_12-00-00_UTC",staged="2026-11-21_12-00-00_UTC"'
    assert watched.samples("linktide_public_suffix_list_info") == [
        f"linktide_public_suffix_list_info{{{labels}}} 1.0"
    ]
    watched.put_in_force(second)
    assert watched.staged is None
    assert watched.samples("linktide_public_suffix_list_info") == [
        'linktide_public_suffix_list_info{in_force="2026-11-21_12-00-00_UTC",staged=""} 1.0'
    ]


def test_a_list_edited_under_its_old_version_is_staged_and_says_so(tmp_path: Path) -> None:
    watched = Watched(tmp_path, text_of("com"))
    watched.write(text_of("com", "blog.com"))
    assert watched.watch.told()["staged"] == "2026-11-20_12-00-00_UTC (changed)"


@pytest.mark.parametrize(
    "broken",
    ["", "com\n", "<html>\n", text_of("com", "a..b"), text_of("com")[:-20], b"\xff\xfe" * 99, None],
    ids=["empty", "too few", "a page", "a bad rule", "cut off", "bytes", "gone"],
)
def test_a_broken_file_is_refused_once_and_what_was_sound_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str | bytes | None
) -> None:
    watched = Watched(tmp_path, text_of("com"))
    watched.write(text_of("org"))
    if broken is None:
        watched.path.unlink()
    else:
        watched.write(broken)
    watched.watch.look()
    watched.watch.look()
    assert watched.metrics.value(REFUSED) == 1
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert str(watched.path) in errors[0].getMessage()
    assert watched.watch.told()["in_force"] == "2026-11-20_12-00-00_UTC"
    assert watched.staged == text_of("org")
    watched.write(text_of("net"))
    assert watched.staged == text_of("net")
    assert watched.metrics.value(REFUSED) == 1


def test_the_age_is_that_of_the_version_in_force(tmp_path: Path) -> None:
    watched = Watched(tmp_path, text_of("com"))
    watched.write(text_of("com", version="2026-11-21_00-00-00_UTC"))
    assert watched.samples(AGE) == [f"{AGE} 86400.0"]
    watched.put_in_force(text_of("com", version=None))
    assert watched.samples(AGE) == []
    watched.put_in_force(text_of("com", version="mine"))
    assert watched.samples(AGE) == []


def test_nothing_is_told_before_a_database_is_open(tmp_path: Path) -> None:
    metrics = Metrics()
    watch = SuffixWatch(tmp_path / "list.dat", metrics, lambda: NOW)
    assert watch.told() == {"in_force": None, "staged": None}
    assert f"\n{AGE} " not in metrics.exposition().decode()


def test_ages_of_versions() -> None:
    assert age_seconds("2026-11-21_11-59-00_UTC", NOW) == timedelta(minutes=1).total_seconds()
    for version in ("", "unversioned-12", "2026-13-01_00-00-00_UTC", "2026-11-21"):
        assert age_seconds(version, NOW) is None


def test_the_list_of_the_package_is_whole_and_dated() -> None:
    suffixes = read_suffix_list(None)
    assert suffix_list_path(None).is_file()
    assert len(suffixes) > 9_000
    assert age_seconds(suffixes.version, NOW) is not None
    assert suffixes.domain_of("a.b.blogspot.com") == "b.blogspot.com"


def test_a_file_that_is_missing_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="public_suffix_list"):
        read_suffix_list(tmp_path / "gone.dat")


def test_tracked_domains_that_a_list_makes_parts_of_others_are_named() -> None:
    config = Config(tracked_domains=("blog.com", "mine.blog.com"), rivals=("www.other.com",))
    plain, private = (
        parse_suffix_list(text_of("com"), "x"),
        parse_suffix_list(text_of("com", "blog.com"), "x"),
    )
    assert [sentence.split()[2].strip(",") for sentence in misplaced(config, plain)] == [
        "mine.blog.com",
        "www.other.com",
    ]
    # Under a public suffix others register their domains: mine.blog.com is one, blog.com is none any more.
    assert [sentence.split()[2].strip(",") for sentence in misplaced(config, private)] == [
        "blog.com",
        "www.other.com",
    ]
    assert "such as example.blog.com" in misplaced(config, private)[0]
