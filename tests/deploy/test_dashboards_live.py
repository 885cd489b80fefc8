"""Every query of every dashboard, executed as Grafana would: against a real Prometheus and the SQL endpoint.

No Grafana took part: that one loads these files and draws them is not shown here.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from grafana_rules import PROMETHEUS, as_promql, as_sql, asked, boards, variables
from watched_service import DOMAINS, SCRAPE_SECONDS, Watched, watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grafana_rules import Asked, Board
    from kafka_broker import KafkaCluster

SCRAPES = 20
STEP_SECONDS = 2
QUERIES = [
    pytest.param(name, number, id=f"{one.where}")
    for name, board in boards().items()
    for number, one in enumerate(asked(board))
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.broker,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed"),
    pytest.mark.xdist_group("broker"),
]


@pytest.fixture(scope="module")
def service(broker: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("watched"), broker, SCRAPES) as one:
        yield one


def chosen(service: Watched, board: Board) -> dict[str, str]:
    """Resolve the variables as Grafana does when all is chosen: in order, by the API of labels."""
    values: dict[str, str] = {}
    for name, one in variables(board).items():
        if one["type"] != "query":
            continue
        found = service.label_values(as_promql(one["query"], values, step=1, scrape=1))
        assert found, f"{board['title']}: nothing to choose for {name}"
        values[name] = one.get("allValue") or f"({'|'.join(value.replace('.', '[.]') for value in found)})"
    return values


@pytest.mark.parametrize("name", list(boards()))
def test_every_variable_has_values(service: Watched, name: str) -> None:
    board = boards()[name]
    values = chosen(service, board)
    assert values["job"] == values["instance"] == ".+"
    if "domain" in values:
        assert set(service.label_values("label_values(linktide_live_links, domain)")) == set(DOMAINS)


@pytest.mark.parametrize(("name", "number"), QUERIES)
def test_every_query_answers(service: Watched, name: str, number: int) -> None:
    board = boards()[name]
    query = list(asked(board))[number]
    if query.kind == PROMETHEUS:
        answers = promql_numbers(service, board, query)
        assert answers, f"{query.where}: no series"
        assert not all(math.isnan(one) for one in answers), f"{query.where}: not a number"
    else:
        rows = sql_rows(service, query)
        assert rows, f"{query.where}: no row"


def promql_numbers(service: Watched, board: Board, query: Asked) -> list[float]:
    text = as_promql(query.text, chosen(service, board), step=STEP_SECONDS, scrape=SCRAPE_SECONDS)
    now = datetime.now(UTC).timestamp()
    if query.is_instant:
        result = service.ask("query", query=text, time=now)["result"]
        return [float(row["value"][1]) for row in result]
    result = service.ask("query_range", query=text, start=now - 60, end=now, step=STEP_SECONDS)["result"]
    return [float(value) for row in result for _, value in row["values"]]


def sql_rows(service: Watched, query: Asked) -> list[tuple[object, ...]]:
    until = datetime.now(UTC) + timedelta(seconds=1)
    step = max(query.min_interval_seconds, 60)
    text = as_sql(query.text, DOMAINS, since=service.since, until=until, step=step)
    with service.connected() as connection:
        cursor = connection.execute(text.encode())
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        rows = cursor.fetchall()
    if query.is_series:
        assert names[0] == "time"
        times = [row[0] for row in rows]
        assert times == sorted(times)
        assert any(value is not None for row in rows for value in row[1:])
    return rows


def test_what_is_wrong_is_seen(service: Watched) -> None:
    board = boards()["linktide-velocity"]
    queries = list(asked(board))
    promql = next(one for one in queries if one.kind == PROMETHEUS)
    sql = next(one for one in queries if one.kind != PROMETHEUS)
    assert promql_numbers(service, board, replace(promql, text="linktide_nothing{}")) == []
    nan = promql_numbers(service, board, replace(promql, text="0 * linktide_build_info / 0"))
    assert all(math.isnan(one) for one in nan)
    with pytest.raises(AssertionError, match="parse error"):
        promql_numbers(service, board, replace(promql, text="sum by ("))
    with pytest.raises(psycopg.Error, match="no_such_column"):
        sql_rows(service, replace(sql, text=sql.text.replace("lost_links", "no_such_column")))
    with pytest.raises(AssertionError, match="no macro"):
        sql_rows(service, replace(sql, text="SELECT $__timeSlip(hour)"))


def test_a_hostile_name_stays_a_name(service: Watched) -> None:
    """A domain comes into SQL as Grafana quotes it; one that breaks out would raise or find rows."""
    hostile = "x') OR ('1'='1"
    until = datetime.now(UTC)
    for board in boards().values():
        for query in asked(board):
            if query.kind == PROMETHEUS or "domain:sqlstring" not in query.text:
                continue
            text = as_sql(query.text, [hostile], since=service.since, until=until, step=86_400)
            with service.connected() as connection:
                assert connection.execute(text.encode()).fetchall() == [], query.where


def test_nobody_writes_through_grafana(service: Watched) -> None:
    with service.connected() as connection, pytest.raises(psycopg.Error):
        connection.execute("CREATE TABLE x (n INTEGER)")
