"""The page in a real browser: opened, clicked through, heard live, and held against axe-core."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import chromium
from hostile_links import ATTACKS, PATIENT, TARGET, agreed_settings, hostile_events
from open_service import asked, found_link, running, wait_until

from linktide.config import Config
from linktide.serve.http import build_app
from linktide.serve.server import HttpServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from linktide.service import Service

AXE = (Path(__file__).parent / "assets" / "axe.js").read_text("utf-8")
AXE_RUN = """axe.run().then((told) => told.violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => [one.id, one.nodes[0].html, one.nodes[0].failureSummary]))"""
FIRST = "[data-feed] > li:first-child"
SIZES = ((1320, 900), (390, 844))


@dataclass
class Site:
    """A service that answers a browser."""

    service: Service
    browser: Browser
    address: str
    complaints: list[str] = field(default_factory=list)
    """What the console said, and every request to another host."""

    def push(self, lines: bytes) -> None:
        self.service.state.push(lines, topic="t", topic_id="", first_offset=None)

    def open(self, path: str, **context: Any) -> Page:  # noqa: ANN401 - what Playwright takes
        page = self.browser.new_context(**context).new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda box: self.complaints.append(f"a dialog: {box.message}"))
        page.on("request", lambda asked: self._look(asked.url))
        page.goto(self.address + path)
        return page

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def asked(self, sql: str) -> list[dict[str, Any]]:
        return asked(self.service, sql)

    def _look(self, url: str) -> None:
        if not url.startswith(self.address + "/"):
            self.complaints.append(f"asked for {url}")


@contextmanager
def served(service: Service, folder: Path) -> Iterator[str]:
    config = Config(database=folder / "links.duckdb", http_port=0)
    server = HttpServer(config, build_app(service.state, config, limits=PATIENT))
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("browser")
    settings: dict[str, Any] = {
        "tracked_domains": (TARGET,),
        "rivals": ("rival.example",),
        "authority_min_domains": 1,
        "alerts_profile_every_seconds": 0.2,
        **agreed_settings(folder),
    }
    with (
        chromium() as browser,
        running(folder, **settings) as service,
        served(service, folder) as address,
    ):
        found = Site(service, browser, address)
        found.push(hostile_events())
        days = [
            found_link(10 * day + number, f"https://{TARGET}/p", f"2026-02-{day:02}T0{number}:00:00Z")
            for day in range(2, 20)
            for number in range(day % 5)
        ]
        found.push(b"".join(days))
        wait_until(lambda: found.asked("SELECT 1 FROM alerts WHERE state = 'firing'") != [])
        yield found


@pytest.fixture(autouse=True)
def nothing_is_complained_of(site: Site) -> Iterator[None]:
    site.complaints.clear()
    yield
    assert site.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_pages_fit_are_clean_and_can_be_used_by_all(
    site: Site, size: tuple[int, int], scheme: str
) -> None:
    context = {"viewport": {"width": size[0], "height": size[1]}, "color_scheme": scheme}
    page = site.open("/", **context)
    for path in ("/", f"/domains/{TARGET}"):
        page.goto(site.address + path)
        page.wait_for_selector("canvas")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        page.evaluate(AXE)
        assert page.evaluate(AXE_RUN) == [], path
        assert page.locator("h1").count() == 1
        assert page.locator("main").count() == 1
        tables = page.locator("main table:not(.u-legend)")
        assert tables.count() == page.locator("main table:not(.u-legend) > caption").count() > 0


def test_new_links_arrive_without_a_reload_and_can_be_paused(site: Site) -> None:
    page = site.open("/")
    page.wait_for_selector("[data-live]:not([hidden])")
    first = page.locator("[data-feed] > li").first
    site.push(found_link(901, f"https://{TARGET}/live", "2026-03-01T00:00:00Z"))
    page.locator(FIRST, has_text="site-901.example").wait_for()
    assert f"{TARGET}/live" in first.inner_text()
    assert "own" in first.inner_text()
    page.click("[data-pause]")
    site.push(found_link(902, f"https://{TARGET}/live", "2026-03-01T00:01:00Z"))
    page.locator("[data-live-text]", has_text="1 waiting").wait_for()
    assert "site-901.example" in first.inner_text()
    page.click("[data-pause]")
    page.locator(FIRST, has_text="site-902.example").wait_for()
    shown = page.locator('[data-figure="live-links"]').inner_text()
    assert int(shown.replace(",", "")) == site.service.state.top()["live_links_total"]


def test_hostile_links_that_arrive_live_stay_text(site: Site) -> None:
    page = site.open("/")
    page.wait_for_selector("[data-live]:not([hidden])")
    again = hostile_events().replace(b"2026-01-", b"2026-04-").replace(b"//source-", b"//late-")
    site.push(again)
    page.locator(FIRST, has_text="late-").wait_for()
    assert page.locator("[data-feed] :is(img, svg, script, b, i)").count() == 0
    anchors = page.locator("[data-feed] .anchor bdi").all_inner_texts()
    assert ATTACKS[0] in anchors
    for link in page.locator("[data-feed] a").all():
        assert re.match(r"https?://", link.get_attribute("href") or "https://")


def test_a_way_through_the_pages_by_mouse_and_by_keyboard(site: Site) -> None:
    page = site.open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.click(f'th a[href="/domains/{TARGET}"]')
    page.wait_for_url(f"**/domains/{TARGET}")
    assert page.locator("h1").inner_text().startswith(TARGET)
    page.click("summary:has-text('velocity')")
    assert page.locator("#velocity").is_visible()
    page.click('a:has-text("28 days") >> nth=0')
    page.wait_for_url("**?days=28#velocity")
    with page.expect_download() as download:
        page.click('a[aria-label="Anchors as CSV"]')
    assert download.value.suggested_filename == f"{TARGET}-anchors.csv"
    page.fill("#name", "https://Rival.example/x")
    page.keyboard.press("Enter")
    page.wait_for_url("**/domains/rival.example")
    assert "No link has named rival.example yet" in page.locator("main").inner_text()
    # That page is a 404, which the console tells as well.
    assert [one for one in site.complaints if "404" not in one] == []
    site.complaints.clear()


def test_who_wants_no_motion_gets_none(site: Site) -> None:
    page = site.open("/", reduced_motion="reduce")
    page.wait_for_selector("[data-live]:not([hidden])")
    assert page.evaluate("getComputedStyle(document.querySelector('.dot')).animationName") == "none"


def test_without_scripts_all_is_there(site: Site) -> None:
    page = site.open(f"/domains/{TARGET}", java_script_enabled=False)
    assert page.locator("section table").count() >= 4


def reviewed(site: Site) -> dict[str, str]:
    return {row["subject"]: row["state"] for row in site.asked("SELECT subject, state FROM reviews")}


def test_a_review_is_chosen_by_mouse_or_keyboard_and_stays(site: Site) -> None:
    page = site.open(f"/domains/{TARGET}")
    choice = page.locator("[data-review]:enabled").first
    subject = choice.get_attribute("data-review")
    choice.select_option("disavow")
    page.locator("[data-review-said]", has_text="noted").first.wait_for()
    assert reviewed(site)[str(subject)] == "disavow"
    page.reload()
    again = page.locator(f'[data-review="{subject}"]:enabled')
    assert again.input_value() == "disavow"
    again.focus()
    page.keyboard.press("Home")
    page.locator("[data-review-said]", has_text="noted").first.wait_for()
    assert reviewed(site)[str(subject)] is None
    page.evaluate(AXE)
    assert page.evaluate(AXE_RUN) == []


def test_what_is_refused_is_told_as_text_and_taken_back(site: Site) -> None:
    page = site.open(f"/domains/{TARGET}")
    choice = page.locator("[data-review]:enabled").first
    choice.evaluate("(one) => { one.dataset.review = '<img src=x onerror=alert(1)>'; }")
    choice.select_option("remove")
    sign = page.locator("[data-review-said]", has_text="not noted: Nothing is noted").first
    sign.wait_for()
    assert "<img src=x" in sign.inner_text()
    assert sign.locator("img").count() == 0
    assert choice.input_value() == "none"
    assert [one for one in site.complaints if "400" not in one] == []
    site.complaints.clear()


def test_a_page_of_another_site_cannot_review(site: Site) -> None:
    page = site.browser.new_context().new_page()
    page.goto("data:text/html,<title>another site</title>")
    told = '{"reviews": [{"subject": "stolen.example", "state": "disavow"}]}'
    tries = """async ([url, body]) => {
        const kinds = ["text/plain", "application/json"];
        const asked = kinds.flatMap((kind) => ["no-cors", "cors"].map((mode) =>
            fetch(url, { method: "POST", mode, body, headers: { "Content-Type": kind } })));
        return (await Promise.allSettled(asked)).map((one) => one.status);
    }"""
    # What was sent, the answer lets no other site read.
    assert page.evaluate(tries, [f"{site.address}/api/v1/review", told]) == ["rejected"] * 4
    form = """([url, body]) => {
        const form = Object.assign(document.createElement("form"), { method: "post", action: url });
        form.enctype = "text/plain";
        const [name, value] = body.split(", ");
        form.append(Object.assign(document.createElement("input"), { name, value }));
        document.body.append(form);
        form.submit();
    }"""
    with page.expect_navigation():
        page.evaluate(form, [f"{site.address}/api/v1/review", told])
    assert "another site" in page.inner_text("body")
    assert "stolen.example" not in reviewed(site)
