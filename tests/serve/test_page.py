from __future__ import annotations

import csv
import html
import io
import re
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hostile_links import ATTACKS, BLOCKED, MARKUP, TARGET, agreed_settings, got, hostile_events
from open_service import asked, found_link, running
from scripted_service import ScriptedPage, ScriptedService, ask

from linktide.errors import RetryError
from linktide.serve.http import HttpLimits
from linktide.serve.page import POLICY
from linktide.web.alerts import ALERTS_SQL
from linktide.web.domain_table import SHOWN_ROWS
from linktide.web.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from linktide.service import Service

DOMAIN = f"/domains/{TARGET}"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("page")
    settings: dict[str, Any] = {
        "tracked_domains": (TARGET,),
        "rivals": ("rival.example",),
        "authority_min_domains": 1,
        **agreed_settings(folder),
    }
    with running(folder, **settings) as found:
        stored = found.state.push(hostile_events(), topic="t", topic_id="", first_offset=None)
        assert stored.accepted == len(ATTACKS) + 1
        yield found


@pytest.mark.parametrize("path", ["/", DOMAIN, f"/domains/{ATTACKS[0]}", f"/domains?name={ATTACKS[1]}"])
def test_no_text_of_a_stranger_is_markup(service: Service, path: str) -> None:
    page = got(service, path)
    for piece in MARKUP:
        assert piece not in page.text, piece
    assert page.headers["content-security-policy"] == POLICY
    assert not re.search(r'href="\s*(?!https?://|/|#|\?)', page.text)
    assert not re.search(r"<script(?![^>]* src=\"/static/)", page.text)


def test_the_overview_shows_what_came_and_links_to_it(service: Service) -> None:
    page = html.unescape(got(service, "/").text)
    assert page.count('<li>\n      <span class="change') >= len(ATTACKS)
    for attack in ("<script>alert(1)</script>", "{{ 7*7 }}{% raw %}", "\\u202egnp.exe\\u202c"):
        assert attack in page
    assert f'href="{DOMAIN}"' in page
    assert "None yet." in page


def test_every_table_of_a_domain_is_a_page_a_csv_and_a_json(service: Service) -> None:
    page = got(service, DOMAIN)
    assert page.status_code == 200
    assert "data-pending" not in page.text
    for table in TABLES:
        assert f'<h2 id="{table.name}">' in page.text
        written = got(service, f"{DOMAIN}/{table.name}.csv")
        assert written.headers["content-type"] == "text/csv; charset=utf-8"
        assert written.headers["content-disposition"] == f'attachment; filename="{TARGET}-{table.name}.csv"'
        rows = got(service, f"{DOMAIN}/{table.name}.json").json()
        found = list(csv.DictReader(io.StringIO(written.text, newline="")))
        assert len(found) == len(rows) > 0, table.name
        assert {column.key for column in table.columns} <= set(rows[0])
        for row in found:
            assert not [cell for cell in row.values() if re.match(r"[=+@\t\r]|-\D", cell)]


def test_what_nobody_told_of_is_said_so_and_is_no_0(service: Service) -> None:
    page = html.unescape(got(service, "/domains/source-1.example").text)
    for sentence in (
        "No link to this domain was agreed on: placements come from the file of mine.placements.",
        "No placement to this domain names a campaign.",
        "No link from another domain was followed yet.",
        "No marker fires, of those that can be told by what events say.",
    ):
        assert sentence in page
    (exact,) = [
        row for row in got(service, f"{DOMAIN}/anchor_profile.json").json() if row["anchor_class"] == "exact"
    ]
    assert (exact["refdomains"], exact["refdomain_share"]) == (None, None)


def test_the_tables_say_what_the_views_say(service: Service) -> None:
    def of_target(what: str, view: str) -> object:
        sql = f"SELECT {what} AS told FROM {view} WHERE target_domain = '{TARGET}'"  # noqa: S608 - of this test
        return asked(service, sql)[0]["told"]

    def rows(name: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = got(service, f"{DOMAIN}/{name}.json").json()
        return found

    assert len(rows("backlinks")) == of_target("count(*)", "backlinks") == len(ATTACKS) - 1
    assert len(rows("refdomains")) == of_target("count(*)", "refdomains")
    assert rows("growth")[0]["refdomains"] == of_target("count(*)", "refdomains")
    assert len(rows("placements")) == of_target("count(*)", "placements")
    assert {row["state"] for row in rows("placements")} == {"wrong_anchor", "lost"}
    assert len(rows("anchor_profile")) == 8
    assert sum(row["backlinks"] for row in rows("link_mix")) == of_target("count(*)", "backlinks")  # type: ignore[misc]
    assert len(rows("changes")) == of_target("count(*)", "new_lost")
    assert sum(row["gained"] for row in rows("velocity")) == of_target(  # type: ignore[misc]  # numbers
        "sum(new_links + restored_links)", "link_velocity"
    )
    assert sum(row["refdomains"] for row in rows("anchors")) == of_target(  # type: ignore[misc]  # numbers
        "sum(refdomains)", "anchors"
    )
    assert len(rows("velocity")) == 32  # every day from the first to the clock's


def test_the_markers_that_fire_are_named_beside_how_many_could_be_told(service: Service) -> None:
    rows = got(service, f"{DOMAIN}/toxicity.json").json()
    sql = f"SELECT source_domain, toxicity, markers_evaluated, markers_fired FROM toxicity('{TARGET}')"  # noqa: S608
    told = asked(service, sql)
    assert {row["source_domain"]: row["toxicity"] for row in rows} == {
        row["source_domain"]: row["toxicity"] for row in told if row["markers_fired"]
    }
    assert len(rows) == len(ATTACKS) - 1
    worst = told[0]
    assert worst["source_domain"] == BLOCKED
    assert {"link_farm_page", "hidden", "blocklisted"} <= set(worst["markers_fired"])
    assert rows[0]["markers_fired"] == ", ".join(worst["markers_fired"])
    assert rows[0]["markers_told"] == f"{worst['markers_evaluated']} of 12"
    assert 6 <= worst["markers_evaluated"] < 12
    assert (rows[0]["toxicity"], rows[0]["toxic_backlinks"], rows[-1]["toxicity"]) == (60, 1, None)
    page = html.unescape(got(service, DOMAIN).text)
    section = page[page.index('<h2 id="toxicity">') :]
    assert f'<a href="/domains/{BLOCKED}">{BLOCKED}</a>' in section
    assert ", ".join(worst["markers_fired"]).replace("_", " ") in section
    assert rows[0]["markers_told"] in section


@pytest.mark.parametrize("form", ["html", "md", "json"])
def test_the_report_on_a_domain_is_a_file_to_send(service: Service, form: str) -> None:
    answer = got(service, f"{DOMAIN}/report.{form}?against=https://rival.example/&against={TARGET}")
    assert answer.headers["content-disposition"] == f'attachment; filename="{TARGET}-report.{form}"'
    for piece in MARKUP if form == "html" else ():
        assert piece not in answer.text, piece
    assert TARGET in answer.text
    assert "rival.example" in answer.text
    if form == "json":
        assert answer.json()["rivals"] == ["rival.example"]
    assert f"{DOMAIN}/report.{form}" in got(service, DOMAIN).text


def test_the_report_as_of_a_time_is_of_that_time(service: Service) -> None:
    told = got(service, f"{DOMAIN}/report.json?as_of=2020-01-31T12:00:00%2B02:00").json()
    assert told["at"].startswith("2020-01-31T10:00:00")


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/domains/unknown.example", 404, "No link has named unknown.example yet"),
        ("/domains/..%5c..%5cetc", 404, "is no domain"),
        ("/domains/nodots", 404, "is no domain"),
        (f"{DOMAIN}/report.pdf", 404, "Nothing is at this address"),
        (f"{DOMAIN}/report.html?as_of=yesterday", 400, "as_of is 'yesterday'; wanted a time by ISO 8601"),
        (f"{DOMAIN}/report.md?as_of=9999-01-01", 400, "is after the newest event"),
        (f"{DOMAIN}/report.html?against=%3Cscript%3E", 400, "is no domain"),
        (f"{DOMAIN}/report.html?rival=a.example", 400, "parameter 'rival' is not known here"),
        (
            f"{DOMAIN}/report.md?" + "&".join(f"against=r{n}.example" for n in range(11)),
            400,
            "names 11 domains",
        ),
        ("/domains/nobody.example/report.html", 404, "No link has named nobody.example"),
        (f"{DOMAIN}/nothing.csv", 404, "Nothing is at this address"),
        (f"{DOMAIN}/velocity.exe", 404, "Nothing is at this address"),
        (f"{DOMAIN}/velocity", 404, "Nothing is at this address"),
        (f"{DOMAIN}?days=6", 400, "days is '6'; wanted a whole number from 7 to"),
        (f"{DOMAIN}?days=x", 400, "days is 'x'"),
        (f"{DOMAIN}?days=9&days=10", 400, "wanted a whole number"),
        (f"{DOMAIN}?day=9", 400, "The parameter 'day' is not known here; wanted days"),
        (f"{DOMAIN}/velocity.csv?rows=0", 400, "rows is '0'"),
        ("/?x=1", 400, "wanted none"),
        ("/domains", 400, "is no domain"),
        ("/domains?name=a%20b", 400, "is no domain"),
    ],
)
def test_a_slip_is_a_page_with_a_sentence(service: Service, path: str, status: int, says: str) -> None:
    page = got(service, path)
    assert page.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert says in html.unescape(page.text)
    assert page.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize(
    "typed", ["Target.Example", "https://target.example/x?y", " target.example. ", "HTTP://target.example:80"]
)
def test_what_people_type_leads_to_the_domain(service: Service, typed: str) -> None:
    page = got(service, "/domains", params={"name": typed})
    assert (page.status_code, page.headers["location"]) == (303, DOMAIN)
    assert got(service, "/domains/TARGET.example").status_code == 200


def test_rows_bound_a_file_and_say_so_by_their_name(service: Service) -> None:
    assert len(got(service, f"{DOMAIN}/backlinks.json?rows=3").json()) == 3
    assert len(got(service, f"{DOMAIN}/velocity.json?rows=3").json()) == 3


def test_a_file_is_never_cut_short_by_a_limit_of_queries(tmp_path: Path) -> None:
    with running(tmp_path, query_max_rows=2) as small:
        small.state.push(b"".join(map(found_link, range(3))), topic="t", topic_id="", first_offset=None)
        answer = got(small, f"{DOMAIN}/backlinks.csv")
        assert answer.status_code == 400
        assert "query_max_rows = 2" in answer.text
        assert got(small, f"{DOMAIN}/backlinks.csv?rows=2").status_code == 200


def test_an_empty_service_has_a_page(tmp_path: Path) -> None:
    with running(tmp_path) as empty:
        page = got(empty, "/")
        assert page.status_code == 200
        assert "No domain is tracked" in page.text
        assert "No link has come or gone yet." in page.text


def test_a_long_table_says_that_there_is_more(tmp_path: Path) -> None:
    with running(tmp_path) as full:
        lines = b"".join(map(found_link, range(SHOWN_ROWS + 1)))
        full.state.push(lines, topic="t", topic_id="", first_offset=None)
        page = got(full, DOMAIN).text
        assert f"Top backlinks of {TARGET}: the first {SHOWN_ROWS}; the files have all" in page


def test_files_of_the_page_may_be_kept_and_others_are_not_there() -> None:
    page = ask(ScriptedService(), "GET", "/domains/x").text
    (address,) = re.findall(r'href="(/static/page\.css\?v=\w+)"', page)
    assert ask(ScriptedService(), "GET", address).headers["cache-control"].endswith("immutable")
    assert ask(ScriptedService(), "GET", "/static/page.css?v=old").headers["cache-control"] == "no-cache"
    for path in (
        "/static/none.css",
        "/static/uplot.LICENSE",
        "/static/..%2frender.py",
        "/static/%2e%2e/render.py",
    ):
        assert ask(ScriptedService(), "GET", path).status_code == 404


def test_while_the_store_is_shut_the_page_says_why() -> None:
    shut = ScriptedPage(
        failure=RetryError("The store is not open now: it <reopens>."),
        troubles={"not_ready_because": "it <reopens>"},
    )
    page = ask(ScriptedService(page=shut), "GET", "/")
    assert page.status_code == 503
    assert page.headers["retry-after"]
    assert "it &lt;reopens&gt;" in page.text


def test_what_takes_long_does_not_hold_up_the_page() -> None:
    is_over = threading.Event()

    class Slow(ScriptedPage):
        def read(self, sql: str, parameters: Sequence[object]) -> pa.Table:
            assert is_over.wait(30)
            return super().read(sql, parameters)

    own = {"live_links": 1_234, "authority": 5.0, "authority_note": None}
    slow = Slow(tracked=[("a.example", "own")], met={"a.example": own})
    try:
        page = ask(ScriptedService(page=slow), "GET", "/", limits=HttpLimits(patience_seconds=0))
    finally:
        is_over.set()
    assert page.status_code == 200
    assert "1,234" in page.text
    assert page.text.count("data-pending") >= 4


def test_routes_are_counted_by_their_pattern() -> None:
    service = ScriptedService()
    for path in ("/domains/a.example", "/domains/b.example/velocity.csv", "/static/page.css", "/x"):
        ask(service, "GET", path)
    assert [route for route, _ in service.counted] == [
        "/domains/{name}", "/domains/{name}/{file}", "/static/{file}", "other",
    ]  # fmt: skip


def test_the_statement_of_alerts_fits_the_view(service: Service) -> None:
    assert service.state.page.read(ALERTS_SQL, [1]).num_rows >= 0


def test_alerts_are_shown_with_their_evidence_as_text() -> None:
    alerts = pa.table(
        {
            "alert": [ATTACKS[0]], "severity": ["critical"], "domain_name": ["a.example"],
            "state": ["inhibited"],
            "started_at": ["2026-01-02T00:00:00Z"], "ended_at": [None], "is_historical": [True],
            "summary": [ATTACKS[1]], "evidence": ['[{"source_url": "<svg onload=alert(1)>"}]'],
        }
    )  # fmt: skip
    page = ScriptedPage(reads={"FROM alerts": alerts})
    text = ask(ScriptedService(page=page), "GET", "/").text
    assert not [piece for piece in MARKUP if piece in text]
    assert "source_url: &lt;svg onload=alert(1)&gt;" in text
    assert "from history" in text
    assert "inhibited" in text
