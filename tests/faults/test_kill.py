"""kill -9 at random moments and at every named point: nothing is lost and nothing counts twice."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from campaign import Campaign, times

from linktide.store.writer import FAIL_POINTS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.faults


@pytest.mark.timeout(3_600)
def test_killed_at_random_moments(tmp_path: Path) -> None:
    campaign = Campaign.begin("kill at random", tmp_path, records=20_000)
    kills = times(8, 200)
    ended = 0
    for _ in range(kills):
        with campaign.importing(batch_max_events=20) as process:
            process.live_until_ended(campaign.chance.uniform(0.5, 1.6))
            ended += not process.is_running
    # Or the kills hit nothing.
    assert ended == 0
    campaign.finish()
    campaign.tell(kills, records=campaign.check())


@pytest.mark.timeout(3_600)
def test_killed_at_every_point(tmp_path: Path) -> None:
    campaign = Campaign.begin("kill at every point", tmp_path, records=12_000)
    kills = 0
    for _ in range(times(1, 25)):
        for point in FAIL_POINTS:
            calls = campaign.chance.randint(1, 4)
            bomb = (f"--fail-point={point}", f"--calls={calls}", "--wal-bytes=50000")
            with campaign.importing(*bomb, batch_max_events=10) as process:
                ended = process.ended()
            # One that had nothing left to do ends well.
            assert ended.exit_code in (0, -signal.SIGKILL), ended.told
            kills += ended.exit_code != 0
    assert kills >= len(FAIL_POINTS)
    campaign.finish()
    campaign.tell(kills, points=len(FAIL_POINTS), records=campaign.check())
