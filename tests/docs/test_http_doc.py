from __future__ import annotations

import re
from pathlib import Path

from starlette.routing import Route

from linktide.config import Config, settings
from linktide.serve.http import HttpLimits, build_app
from linktide.serve.reading import MAX_QUERY_BYTES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "http.md").read_text("utf-8")


class Silent:
    """A service no test asks anything."""

    def __getattr__(self, name: str) -> object:
        return name


def test_the_page_has_every_route_and_no_other() -> None:
    app = build_app(Silent(), Config())  # type: ignore[arg-type]  # only its routes are looked at
    routes = {
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert set(re.findall(r"^\| `(GET|POST) (\S+)` \|", PAGE, re.MULTILINE)) == routes


def test_the_page_has_every_header_and_status_the_room_gives() -> None:
    room = "".join(path.read_text("utf-8") for path in (ROOT / "python/linktide/serve").glob("*.py"))
    headers = set(re.findall(r'"(Linktide-[A-Za-z-]+)"', room))
    assert headers == set(re.findall(r"^\| `(Linktide-\S+)` \|", PAGE, re.MULTILINE))
    given = set(re.findall(r"[(,]\s*([45]\d\d),", room))
    told = {
        status
        for row in re.findall(r"^\| ([45]\d\d[^|]*) \|", PAGE, re.MULTILINE)
        for status in row.split(", ")
    }
    assert {"400", "403", "408", "413", "415", "421", "429", "500", "503"} <= given
    assert given <= told


def test_settings_and_pages_named_exist() -> None:
    names = {row.name for row in settings()}
    assert set(re.findall(r"`(http_\w+|query_\w+)`", PAGE)) <= names
    assert "http_host" in PAGE
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (ROOT / "docs" / link).is_file()
    assert Config().http_port == int(re.search(r"127\.0\.0\.1:(\d+);", PAGE)[1])  # type: ignore[index]  # or fails


def test_the_bounds_of_bodies_are_those_of_the_room() -> None:
    limits = HttpLimits()
    assert f"{limits.push_bytes:,} bytes ({limits.push_bytes >> 20} MiB)" in PAGE
    assert limits.bodies_bytes == 2 * limits.push_bytes
    assert f"of at most {MAX_QUERY_BYTES >> 20} MiB," in PAGE
