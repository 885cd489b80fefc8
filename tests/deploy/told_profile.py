"""What the panels of a profile rest on: files of the user's own, and events beside those of plain links.

All of it is of the past, so that the first look finds it: what that says of anchors and visits lasts an hour.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from linktide.sources.synthetic import TRACKED_DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

SETTINGS = {
    "mine.terms": "terms.csv",
    "mine.placements": "placements.csv",
    "mine.campaigns": "campaigns.csv",
    "alerts.profile_every_seconds": "0.2",
}
_MONEY = "cheap bread"
_GONE = f"https://{TRACKED_DOMAIN}/gone"
_HOME = f"https://{TRACKED_DOMAIN}/"
_BAD_DAYS = 18
_BURST = 24
_BAD = {
    "target_url": _GONE,
    "anchor": _MONEY,
    "rel": [],
    "source_kind": "comment",
    "links_external": 400,
    "words": 500,
    "semantic_location": "content",
    "hidden": True,
    "noindex": False,
}
"""Says enough to be rated, and enough to be toxic."""


def write_files(folder: Path, started: datetime) -> None:
    """Write what SETTINGS names: of two agreements one is kept, and one was never met."""
    (folder / "terms.csv").write_text(f"term,kind,domain\n{_MONEY},money,{TRACKED_DOMAIN}\n", "utf-8")
    since = (started - timedelta(days=10)).date()
    (folder / "placements.csv").write_text(
        "source_url,target_url,live_from,campaign,grace_days\n"
        f"https://partner.example/kept,{_HOME},{since},autumn,0\n"
        f"https://partner.example/never,{_HOME},{since},autumn,0\n",
        "utf-8",
    )
    (folder / "campaigns.csv").write_text("campaign,goal,spend\nautumn,2,100\n", "utf-8")


def events(started: datetime) -> Iterator[tuple[datetime, bytes]]:
    """Return events with their times: a toxic link a day and then many, answers, visits, a kept placement."""
    days = [started - timedelta(days=_BAD_DAYS + 1 - day) for day in range(_BAD_DAYS)]
    burst = [started - timedelta(hours=4, minutes=number) for number in range(_BURST)]
    for number, at in enumerate([*days, *burst]):
        source = {"source_url": f"https://cheap-{number}.example/", "ip_source": f"198.51.100.{number}"}
        yield _told(at, "discovered", **source, **_BAD)
    yield _told(started - timedelta(days=5), "target", target_url=_GONE, http_code_target=404)
    placed = {"source_url": "https://partner.example/kept", "target_url": _HOME}
    yield _told(started - timedelta(days=9), "discovered", anchor="bakery", **placed)
    for day in range(1, 8):
        at = started - timedelta(days=day)
        yield _told(at, "referral", **placed, day=str(at.date()), visits=9)
        other = {"source_url": f"https://cheap-{day}.example/", "target_url": _GONE}
        yield _told(at, "referral", **other, day=str(at.date()), visits=1)


def _told(at: datetime, kind: str, **more: object) -> tuple[datetime, bytes]:
    return at, json.dumps({"event": kind, "observed_at": at.isoformat(), **more}).encode()
