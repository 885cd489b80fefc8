"""Links whose every text is an attack, in a service that runs; and what must not come of it."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import anyio
from scripted_service import client_of

from linktide.config import Config
from linktide.serve.http import HttpLimits, build_app

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from linktide.service import Service

TARGET = "target.example"
BLOCKED = "source-9.example"
PATIENT = HttpLimits(patience_seconds=60)
"""Pages are whole, however busy the machine is."""
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</title></a></table><svg onload=alert(1)>",
    "javascript:alert(1)",
    '=HYPERLINK("https://evil.example")',
    "@SUM(1+1)",
    "{{ 7*7 }}{% raw %}",
    "\u202egnp.exe\u202c",
    "line\nbreak\r\x1b[31m",
    "&lt;b&gt;&#x3C;b>",
)
MARKUP = ("<script>alert", "<img src=x", "<svg onload", "onerror=alert(1)>", "\u202e", "\x1b", "<b>")
"""None of these stands in a page as it is."""


def hostile_events() -> bytes:
    """Return one event for each attack, as anchor, in the path of both URLs and in their query."""
    told = [
        {
            "event": "discovered",
            "source_url": f"https://source-{number}.example/{attack}?q={attack}#{attack}",
            "target_url": f"https://{TARGET}/{attack}",
            "anchor": attack,
            "title": attack,
            "semantic_location": attack,
            "ip_source": attack,
            "links_external": 200,
            "words": 100,
            "hidden": True,
            "noindex": False,
            "observed_at": f"2026-01-{1 + number:02}T00:00:00Z",
        }
        for number, attack in enumerate(ATTACKS)
    ]
    told.append(
        {**told[0], "event": "lost", "observed_at": "2026-02-01T00:00:00Z", "lost_reason": "removedfromhtml"}
    )
    return b"".join(json.dumps(one).encode() + b"\n" for one in told)


def agreed_settings(folder: Path) -> dict[str, Any]:
    """Write placements of these links, each of a campaign that is an attack, and a blocklist.

    Return the settings for them.
    """
    # What a file holds is checked: without controls.
    words = [one for one in ATTACKS if one.isprintable()]
    placed: list[dict[str, Any]] = [
        {
            "source_url": f"https://source-{ATTACKS.index(one)}.example/{one}?q={one}#{one}",
            "target_url": f"https://{TARGET}/{one}",
            "anchor": "other words",
            "campaign": one,
        }
        for one in words
    ]
    tables: dict[str, list[dict[str, Any]]] = {
        "placements": placed,
        "campaigns": [{"campaign": one, "goal": 3, "spend": "10.5"} for one in words],
    }
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    blocked = folder / "blocked.txt"
    blocked.write_text(f"{BLOCKED}\n", "utf-8")
    named: dict[str, Any] = {f"mine_{name}": folder / f"{name}.csv" for name in tables}
    return named | {"mine_blocklists": (blocked,)}


def got(service: Service, path: str, **request: object) -> httpx.Response:
    """Ask the application of a service that runs."""

    async def send() -> httpx.Response:
        async with client_of(build_app(service.state, Config(), limits=PATIENT)) as client:
            return await client.get(path, **request)  # type: ignore[arg-type]  # what httpx takes

    return anyio.run(send)
