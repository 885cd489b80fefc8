"""Flipped bytes, cut files and lost logs: each is told by name with the way back, or changes nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from campaign import Campaign, times
from linktide_process import COMMAND, wait_until

from linktide.errors import ExitCode
from linktide.store.database import wal_path

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3_600)]


def linktide(campaign: Campaign, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *COMMAND, *arguments, "--database", str(campaign.database)],
        cwd=campaign.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def half_way(campaign: Campaign) -> None:
    """Kill an import so that file and WAL both hold a part."""
    wal = wal_path(campaign.database)
    with campaign.importing("--wal-bytes=400000", batch_max_events=400) as process:
        # Not before a checkpoint has put something into the file.
        wait_until(
            lambda: campaign.database.exists() and campaign.database.stat().st_size > 1_500_000, "work"
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
    campaign = Campaign.begin("damage", tmp_path, records=6_000)
    sound = tmp_path / "sound"
    sound.mkdir()
    half_way(campaign)
    keep(campaign, sound)
    backup = tmp_path / "backup.duckdb"
    made = linktide(campaign, "backup", str(backup))
    assert made.returncode == 0, made.stderr
    detected = harmless = 0
    for number in range(times(len(KINDS), 300)):
        put(campaign, sound)
        done = damage(campaign, KINDS[number % len(KINDS)])
        told = linktide(campaign, "rebuild")
        assert told.returncode in (0, ExitCode.DATABASE_DAMAGED), f"{done}: {told.stdout}{told.stderr}"
        if told.returncode:
            detected += 1
            assert told.stderr.count("\n") == 1, told.stderr
            assert str(campaign.database) in told.stderr
            assert "linktide restore" in told.stderr, told.stderr
            assert "docs/operations.md" in told.stderr
            # The way back.
            back = linktide(campaign, "restore", str(backup), "--force")
            assert back.returncode == 0, back.stderr
        else:
            harmless += 1
        # A log that was cut or lost opens at an older state: whole batches, from which the import goes on.
        campaign.check(is_whole=False)
        for path in campaign.folder.glob("*.replaced-*"):
            path.unlink()
    campaign.finish()
    assert detected > 0
    campaign.tell(detected + harmless, detected=detected, harmless=harmless, records=campaign.check())
