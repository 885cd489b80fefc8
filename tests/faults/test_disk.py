"""Disks that are full, turn read-only or fail a write or a sync: nothing acknowledged is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from campaign import Campaign, times
from failing_disks import ballast, ext4_disk, failing_call, heal, small_disk, turn_read_only
from linktide_process import wait_until

from linktide.errors import ExitCode
from linktide.store.database import wal_path

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3_600)]
CALLS = (
    ("fdatasync", "EIO"),
    ("write", "ENOSPC"),
    ("write", "EIO"),
    ("pwrite64", "ENOSPC"),
    ("pwrite64", "EIO"),
)


def test_a_full_disk_ends_an_import_and_delays_a_service(tmp_path: Path) -> None:
    campaign = Campaign.begin("disk full", tmp_path, records=10_000)
    rounds = times(1, 10)
    with small_disk(campaign.folder, 160):
        for number in range(rounds):
            campaign.database.unlink(missing_ok=True)
            with ballast(campaign.folder, mib=6 + number % 3):
                with campaign.importing() as process:
                    ended = process.ended()
                assert ended.exit_code == ExitCode.DISK_FULL, ended.told
                assert f"in {campaign.database}" in ended.told.splitlines()[-1]
                assert "free space on its file system" in ended.told.splitlines()[-1]
            before = campaign.check(is_whole=False)
            with (
                ballast(campaign.folder, mib=2) as full,
                campaign.importing(start_retry_seconds=600) as process,
            ):
                wait_until(lambda: "Trying again" in process.told, "the disk is full")
                assert process.is_running
                full.unlink()
                ended = process.ended()
            assert ended.exit_code == 0, ended.told
            stored = campaign.check()
            assert 0 < before < stored
    campaign.tell(2 * rounds, before=before, records=stored)


def test_a_disk_that_turns_read_only(tmp_path: Path) -> None:
    campaign = Campaign.begin("read-only remount", tmp_path, records=6_000)
    rounds = times(1, 10)
    image = tmp_path / "disk"
    with ext4_disk(campaign.folder, image, 200):
        for _ in range(rounds):
            campaign.database.unlink(missing_ok=True)
            with campaign.importing(start_retry_seconds=600) as process:
                wait_until(
                    lambda: campaign.database.exists() and wal_path(campaign.database).exists(), "work"
                )
                process.live_for(campaign.chance.uniform(0.5, 2))
                turn_read_only(campaign.folder)
                wait_until(lambda: process.told.count("Trying again") >= 2, "it tries again")
                ended = process.terminate()
            assert ended.exit_code == 0, ended.told
            with campaign.importing() as process:
                ended = process.ended()
            assert ended.exit_code != 0
            assert "Traceback" not in ended.told
            heal(campaign.folder, image)
            before = campaign.check(is_whole=False)
            campaign.finish()
            stored = campaign.check()
    campaign.tell(rounds, before=before, records=stored)


@pytest.mark.parametrize(("call", "error"), CALLS, ids=[f"{call}-{error}" for call, error in CALLS])
def test_a_call_that_fails_once(tmp_path: Path, call: str, error: str) -> None:
    campaign = Campaign.begin(f"{call} fails with {error}", tmp_path, records=1_500, links=200)
    rounds = times(1, 40)
    retried = 0
    for _ in range(rounds):
        campaign.database.unlink(missing_ok=True)
        wal_path(campaign.database).unlink(missing_ok=True)
        # The first ones make the file: an error there is another story. It is the n-th of each thread, and a
        # store that was opened again has new threads.
        when = campaign.chance.randint(*((50, 65) if call == "pwrite64" else (15, 40)))
        files = (campaign.database, wal_path(campaign.database))
        under = failing_call(call, error, when, *files)
        options = {"batch_max_events": 20, "start_retry_seconds": 600}
        with campaign.importing("--wal-bytes=60000", under=under, **options) as process:
            ended = process.ended()
        assert ended.exit_code == 0, ended.told
        retried += ended.told.count("Trying again")
        stored = campaign.check()
    assert retried >= rounds
    campaign.tell(rounds, retries=retried, records=stored)
