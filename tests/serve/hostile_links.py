"""Links whose every text is an attack, in a service that runs; and what must not come of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio
from scripted_service import client_of

from linktide.config import Config
from linktide.serve.http import HttpLimits, build_app

if TYPE_CHECKING:
    import httpx

    from linktide.service import Service

TARGET = "target.example"
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
            "observed_at": f"2026-01-{1 + number:02}T00:00:00Z",
        }
        for number, attack in enumerate(ATTACKS)
    ]
    told.append(
        {**told[0], "event": "lost", "observed_at": "2026-02-01T00:00:00Z", "lost_reason": "removedfromhtml"}
    )
    return b"".join(json.dumps(one).encode() + b"\n" for one in told)


def got(service: Service, path: str, **request: object) -> httpx.Response:
    """Ask the application of a service that runs."""

    async def send() -> httpx.Response:
        async with client_of(build_app(service.state, Config(), limits=PATIENT)) as client:
            return await client.get(path, **request)  # type: ignore[arg-type]  # what httpx takes

    return anyio.run(send)
