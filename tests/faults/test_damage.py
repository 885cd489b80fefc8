"""Flipped bytes, cut files and lost logs: each is told by name with the way back, or changes nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from campaign import Campaign, times
from linktide_process import wait_until

from linktide import recovery
from linktide.config import load
from linktide.errors import ExitCode, LinktideError
from linktide.store.database import wal_path

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.config import Config

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3_600)]


def told_of(config: Config) -> LinktideError | None:
    """Do what `linktide rebuild` does; return the error that it would end with."""
    try:
        rebuilt = recovery.rebuild(config)
    except LinktideError as error:
        return error
    assert rebuilt.differences == ()
    return None


def half_way(campaign: Campaign) -> None:
    """Kill an import so that file and WAL both hold a part."""
    wal = wal_path(campaign.database)
    with campaign.importing("--wal-bytes=400000", batch_max_events=200) as process:
        # Not before a checkpoint has put something into the file.
        wait_until(
            lambda: campaign.database.exists() and campaign.database.stat().st_size > 1_700_000, "work"
        )
        wait_until(lambda: wal.exists() and wal.stat().st_size > 100_000, "a WAL")
        process.kill()


def keep(campaign: Campaign, folder: Path) -> None:
    for path in (campaign.database, wal_path(campaign.database)):
        (folder / path.name).unlink(missing_ok=True)
        if path.exists():
            shutil.copy(path, folder / path.name)


def put(campaign: Campaign, folder: Path) -> None:
    for path in (campaign.database, wal_path(campaign.database)):
        path.unlink(missing_ok=True)
        if (folder / path.name).exists():
            shutil.copy(folder / path.name, path)


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))


def damage(campaign: Campaign, kind: str) -> str:
    """Damage the database in one way; return what was done."""
    chance = campaign.chance
    path = wal_path(campaign.database) if "WAL" in kind else campaign.database
    size = path.stat().st_size
    at = chance.randrange(size)
    if kind.startswith("flip"):
        flip(path, at)
    elif kind.startswith("cut"):
        with path.open("r+b") as file:
            file.truncate(at)
    elif kind == "lost WAL":
        path.unlink()
    elif kind == "lost file beside WAL":
        campaign.database.unlink()
    else:
        with path.open("ab") as file:
            file.write(bytes(5_000))
    return f"{kind} at {at} of {size}"


KINDS = (
    "flip file", "flip file", "flip file", "flip WAL", "cut file", "cut WAL", "lost WAL",
    "lost file beside WAL", "zeros after WAL",
)  # fmt: skip


def test_damage_is_told_or_does_no_harm(tmp_path: Path) -> None:
    campaign = Campaign.begin("damage", tmp_path, records=3_000)
    sound = tmp_path / "sound"
    sound.mkdir()
    half_way(campaign)
    keep(campaign, sound)
    flags = {"database": campaign.database, "authority_min_domains": 0}
    config = load(flags=flags, environ={}, folder=tmp_path)
    backup = tmp_path / "backup.duckdb"
    recovery.back_up(config, backup, None, is_forced=False)
    detected = harmless = 0
    for number in range(times(len(KINDS), 300)):
        put(campaign, sound)
        done = damage(campaign, KINDS[number % len(KINDS)])
        error = told_of(config)
        if error is None:
            harmless += 1
        else:
            detected += 1
            assert error.exit_code == ExitCode.DATABASE_DAMAGED, f"{done}: {error}"
            for words in (str(campaign.database), "linktide restore", "docs/operations.md"):
                assert words in str(error), f"{done}: {error}"
            # The way back.
            recovery.put_back(config, backup, is_forced=True)
        # A log that was cut or lost opens at an older state: whole batches, from which the import goes on.
        campaign.check(is_whole=False)
        for path in campaign.folder.glob("*.replaced-*"):
            path.unlink()
    campaign.finish()
    assert detected > 0
    campaign.tell(detected + harmless, detected=detected, harmless=harmless, records=campaign.check())
