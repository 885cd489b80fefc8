"""A dashboard: rows of panels, and the variables that all of them share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from linktide_dashboards.panels import RUNBOOK, built
from linktide_dashboards.queries import PROMETHEUS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linktide_dashboards.panels import Panel

TAG: Final = "linktide"
EVERY: Final = VariableOption(text="All", value="$__all", selected=True)
_INSTANCES: Final = "linktide_build_info"
_DOMAINS: Final = "linktide_live_links"


@dataclass(frozen=True)
class Row:
    """Panels under a title."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard; `uid` is its file's name and its address in Grafana."""

    uid: str
    title: str
    about: str
    rows: Sequence[Row]
    since: str = "now-6h"
    refresh: str = "30s"
    has_domains: bool = False
    """Whether it is about the domains that are chosen."""
    has_sql: bool = False
    """Whether it asks the SQL endpoint, too."""


def board_json(board: Board) -> str:
    """Return the file of a dashboard; the same board gives the same bytes."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .time(board.since, "now")
        .refresh(board.refresh)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Dashboards of linktide")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)  # noqa: FBT003 - the SDK's own way
            .include_vars(True)  # noqa: FBT003 - as above
            .keep_time(True)  # noqa: FBT003 - as above
        )
        .link(
            dashboard.DashboardLink("What alerts mean, and what to do")
            .type(DashboardLinkType.LINK)
            .icon("doc")
            .url(RUNBOOK)
            .target_blank(True)  # noqa: FBT003 - as above
        )
    )
    for variable in _variables(board):
        made = made.with_variable(variable)
    numbers = count(1)
    for row in board.rows:
        made = made.with_row(dashboard.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            made = made.with_panel(built(panel).id(next(numbers)))
    return json.dumps(made.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _variables(board: Board) -> list[dashboard.DatasourceVariable | dashboard.QueryVariable]:
    found: list[dashboard.DatasourceVariable | dashboard.QueryVariable] = [
        dashboard.DatasourceVariable("prometheus_datasource")
        .label("Prometheus data source")
        .type("prometheus")
    ]
    if board.has_sql:
        kind = "grafana-postgresql-datasource"
        found.append(dashboard.DatasourceVariable("sql_datasource").label("SQL data source").type(kind))
    found += [
        _labels("job", "Job", _INSTANCES),
        _labels("instance", "Instance", f'{_INSTANCES}{{job=~"$job"}}'),
    ]
    if board.has_domains:
        found.append(
            _labels("domain", "Domain", f'{_DOMAINS}{{job=~"$job", instance=~"$instance"}}', all_value=None)
        )
    return found


def _labels(name: str, label: str, selector: str, all_value: str | None = ".+") -> dashboard.QueryVariable:
    """Make a variable of a label's values; without `all_value` "All" is each of them, as SQL wants it."""
    made = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(PROMETHEUS)
        .query(f"label_values({selector}, {name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)  # noqa: FBT003 - the SDK's own way
        .include_all(True)  # noqa: FBT003 - as above
        .current(EVERY)
    )
    return made if all_value is None else made.all_value(all_value)
