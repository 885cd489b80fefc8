"""Agreements that are broken, by a whole service: from a file and pushed events to a row and a gauge."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from open_service import asked, running, wait_until
from told_days import OWN, START, link, take

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.service import Service

PLACEMENTS = f"source_url,target_url,grace_days\nhttps://s1.example/p,https://{OWN}/,3\n"
ACTIVE = b'linktide_alert_active{alert="PlacementViolated"'
THREAD = "linktide-profiles"
TOLD = [link("discovered", 1, 1), link("lost", 24, 1), link("discovered", 24 * 5, 2)]


def rows(service: Service) -> list[dict[str, Any]]:
    return asked(service, "SELECT alert, domain_name, state, started_at, evidence FROM alerts ORDER BY alert")


def test_a_running_service_tells_of_a_placement_and_after_a_restart_of_its_end(tmp_path: Path) -> None:
    file = tmp_path / "placements.csv"
    file.write_text(PLACEMENTS, "utf-8")
    settings: dict[str, Any] = {
        "tracked_domains": (OWN,),
        "mine_placements": file,
        "alerts_profile_every_seconds": 0.05,
    }
    with running(tmp_path, **settings) as service:
        lines = b"".join(json.dumps(event).encode() + b"\n" for event in TOLD)
        service.state.push(lines, topic="push", topic_id="", first_offset=None)
        wait_until(lambda: bool(rows(service)))
        (row,) = rows(service)
        assert (row["alert"], row["domain_name"], row["state"]) == ("PlacementViolated", OWN, "firing")
        assert (row["started_at"] - START).days == 5
        assert '"topic": "push"' in row["evidence"]
        told = f'linktide_placements_violated{{domain="{OWN}",role="own"}} 1.0'
        assert told.encode() in service.state.exposition()
    with running(tmp_path, **settings) as service:
        back = json.dumps(link("seen", 24 * 6, 1)).encode()
        service.state.push(back, topic="push", topic_id="", first_offset=None)
        wait_until(lambda: rows(service)[0]["state"] == "resolved")
        assert len(rows(service)) == 1


def test_what_fires_ends_once_views_are_judged_no_more(tmp_path: Path) -> None:
    file = tmp_path / "placements.csv"
    file.write_text(PLACEMENTS, "utf-8")
    settings: dict[str, Any] = {"tracked_domains": (OWN,), "mine_placements": file}
    with running(tmp_path, **settings, alerts_profile_every_seconds=0.05) as service:
        lines = b"".join(json.dumps(event).encode() + b"\n" for event in TOLD)
        service.state.push(lines, topic="push", topic_id="", first_offset=None)
        wait_until(lambda: bool(rows(service)))
        assert rows(service)[0]["state"] == "firing"
        assert ACTIVE in service.state.exposition()
    with running(tmp_path, **settings, alerts_profile_every_seconds=0.0) as service:
        # Without any event.
        wait_until(lambda: rows(service)[0]["state"] == "resolved")
        assert len(rows(service)) == 1
        assert ACTIVE not in service.state.exposition()


def test_an_import_judges_no_views(tmp_path: Path) -> None:
    def names() -> set[str]:
        return {thread.name for thread in threading.enumerate()}

    with running(tmp_path, tracked_domains=(OWN,)):
        assert THREAD in names()
    seen: set[str] = set()
    assert take(tmp_path / "a.duckdb", TOLD, at=lambda _point, _index: seen.update(names())) == []
    assert "linktide-fetch-0" in seen
    assert THREAD not in seen
