"""Dashboards as Grafana reads them: their queries with variables and macros put in, and the usual rules."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy_files import DEPLOY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

DASHBOARDS = DEPLOY / "grafana" / "dashboards"
ALERTS_PAGE = "https://github.com/linktide/linktide/blob/main/docs/alerts.md"
PROMETHEUS, SQL = "prometheus", "grafana-postgresql-datasource"
_MACRO = re.compile(r"\$(__\w+)\(([^)]*)\)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_COUNTER = re.compile(r"\b\w+_total\{|\b\w+_(?:count|sum|bucket)\{")

Board = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One query of a panel."""

    where: str
    kind: str
    text: str
    is_instant: bool
    is_series: bool
    min_interval_seconds: int


def boards() -> dict[str, Board]:
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))}


def panels(board: Board) -> Iterator[dict[str, Any]]:
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield panel


def asked(board: Board) -> Iterator[Asked]:
    for panel in panels(board):
        for target in panel["targets"]:
            kind = target["datasource"]["type"]
            yield Asked(
                f"{board['title']}: {panel['title']} {target['refId']}",
                kind,
                target["expr"] if kind == PROMETHEUS else target["rawSql"],
                target.get("instant", False),
                target.get("format") == "time_series",
                seconds(panel.get("interval", "0s")),
            )


def variables(board: Board) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in board["templating"]["list"]}


def seconds(text: str) -> int:
    return int(text[:-1]) * _SECONDS[text[-1]]


def as_promql(text: str, values: Mapping[str, str], *, step: int, scrape: int) -> str:
    """Put in what Grafana does: `$__rate_interval` is at least four scrapes."""
    text = text.replace("$__rate_interval", f"{max(4 * scrape, step + scrape)}s")
    text = text.replace("$__interval", f"{step}s")
    for name, value in values.items():
        text = re.sub(rf"\$\{{{name}\}}|\${name}\b", value.replace("\\", r"\\"), text)
    return text


def as_sql(text: str, domains: Sequence[str], *, since: datetime, until: datetime, step: int) -> str:
    """Put in what Grafana's PostgreSQL data source does, macro by macro; an unknown one fails."""
    quoted = ",".join("'" + name.replace("'", "''") + "'" for name in domains)
    text = text.replace("${domain:sqlstring}", quoted).replace("$__interval", f"{step}s")
    begin, end = (at.isoformat().replace("+00:00", "Z") for at in (since, until))

    def macro(match: re.Match[str]) -> str:
        arguments = [part.strip().strip("'") for part in match[2].split(",")]
        column = arguments[0]
        match match[1]:
            case "__timeFilter":
                return f"{column} BETWEEN '{begin}' AND '{end}'"
            case "__timeGroup":
                size = seconds(arguments[1])
                return f"floor(extract(epoch from {column})/{size})*{size}"
            case "__timeGroupAlias":
                size = seconds(arguments[1])
                return f'floor(extract(epoch from {column})/{size})*{size} AS "time"'
            case "__time":
                return f'{column} AS "time"'
        raise AssertionError(f"{match[1]} is no macro of the PostgreSQL data source that we know")

    text = _MACRO.sub(macro, text)
    assert "$" not in text, text
    return text


def findings(board: Board) -> list[str]:
    """Return what the usual rules of dashboards, and ours, find wrong."""
    return [*_of_board(board), *(told for panel in panels(board) for told in _of_panel(panel))]


def _of_board(board: Board) -> Iterator[str]:
    yield from _of_variables(variables(board))
    if board["editable"]:
        yield "a generated dashboard is not to be edited in place"
    if not any(link.get("url") == ALERTS_PAGE for link in board["links"]):
        yield "no link to the page of alerts"
    every = list(panels(board))
    if len({panel["id"] for panel in board["panels"]}) != len(board["panels"]):
        yield "two panels have one id"
    places = [place for panel in board["panels"] for place in _places(panel)]
    if len(set(places)) != len(places):
        yield "panels lie over one another"
    if len({panel["title"] for panel in every}) != len(every):
        yield "two panels have one title"


def _of_variables(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if found.get("prometheus_datasource", {}).get("query") != "prometheus":
        yield "no variable for the Prometheus data source"
    for name in ("job", "instance"):
        one = found.get(name, {})
        if not (one.get("type") == "query" and one.get("multi") and one.get("allValue") == ".+"):
            yield f"no variable {name} with several values and All"
    for name, one in found.items():
        if one["type"] == "query" and one["refresh"] != 2:
            yield f"{name} is not read anew as the time changes"
        if not one.get("label"):
            yield f"{name} has no label"


def _places(panel: dict[str, Any]) -> Iterator[tuple[int, int]]:
    at = panel["gridPos"]
    for x in range(at["x"], at["x"] + at["w"]):
        for y in range(at["y"], at["y"] + at["h"]):
            yield x, y
            if x >= 24:
                yield x, y


def _of_panel(panel: dict[str, Any]) -> Iterator[str]:
    title = panel.get("title") or "a panel"
    told = {
        "no title": panel.get("title"),
        "no description": panel.get("description"),
        "no unit": panel["fieldConfig"]["defaults"].get("unit"),
        "asks nothing": panel.get("targets"),
    }
    yield from (f"{title}: {slip}" for slip, is_there in told.items() if not is_there)
    yield from _of_targets(title, panel)
    if panel["type"] not in ("timeseries", "stat", "bargauge", "table"):
        yield f"{title}: {panel['type']} may show strangers' text as markup"
    for override in panel["fieldConfig"]["overrides"]:
        for row in override["properties"]:
            links = row["value"] if row["id"] == "links" else ()
            if any(not link["url"].startswith(f"{ALERTS_PAGE}#") for link in links):
                yield f"{title}: a link leads where data says"


def _of_targets(title: str, panel: dict[str, Any]) -> Iterator[str]:
    for target in panel["targets"]:
        kind = target["datasource"]["type"]
        name = {PROMETHEUS: "prometheus_datasource", SQL: "sql_datasource"}.get(kind)
        if target["datasource"]["uid"] != f"${{{name}}}" or panel["datasource"] != target["datasource"]:
            yield f"{title}: its data source is no variable"
        if kind == PROMETHEUS:
            yield from (f"{title}: {told}" for told in _of_promql(target["expr"]))
        elif target["format"] == "time_series" and '"time"' not in _named_time(target["rawSql"]):
            yield f"{title}: a time series without time"


def _named_time(text: str) -> str:
    return re.sub(r"\$__timeGroupAlias\([^)]*\)|\bAS time\b", '"time"', text)


def _of_promql(expr: str) -> Iterator[str]:
    selectors = re.findall(r"(?<![\w:$])([A-Za-z_:][\w:]*)\{([^}]*)\}", expr)
    if not selectors:
        yield "selects nothing"
    for metric, labels in selectors:
        for name in ("job", "instance"):
            if f'{name}=~"${name}"' not in labels:
                yield f"{metric} is not matched by {name}"
    for function, window in re.findall(r"\b(rate|irate|increase)\([^[]*\[([^]]*)\]", expr):
        if window != "$__rate_interval" and function != "increase":
            yield f"{function} over {window}"
    for counter in _COUNTER.findall(expr):
        name = counter.rstrip("{")
        if not re.search(rf"\b(rate|increase)\({re.escape(name)}\{{", expr):
            yield f"the counter {name} as it is"
    unselected = re.findall(r"(?<![\w:\"{$])linktide_\w+(?![\w{])", expr)
    if unselected:
        yield f"{unselected[0]} without labels"
