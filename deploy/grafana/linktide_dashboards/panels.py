"""Panels of four kinds, declared by what they show; how they look is decided here, once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from grafana_foundation_sdk.builders import bargauge, common, dashboard, stat, table, timeseries
from grafana_foundation_sdk.models.common import (
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)

from linktide_dashboards.queries import PROMETHEUS, SQL, Prom, Sql, target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RUNBOOK: Final = "https://github.com/linktide/linktide/blob/main/docs/alerts.md"
_REDUCE: Final = ["lastNotNull"]
_HEIGHTS: Final = {"stat": 4, "bars": 8, "lines": 8, "table": 9}
Steps = tuple[tuple[float | None, str], ...]
"""(from which value, colour), the first from None."""


class Kind(StrEnum):
    """How a panel shows what it asked."""

    STAT = "stat"
    """Single values of now."""
    BARS = "bars"
    """Values of now beside one another."""
    LINES = "lines"
    """Values over time."""
    TABLE = "table"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel."""

    title: str
    about: str
    """What it shows, of what time, and when to worry."""
    queries: Sequence[Prom | Sql]
    kind: Kind = Kind.LINES
    unit: str = "short"
    width: int = 12
    """Of 24."""
    steps: Steps = ()
    is_stacked: bool = False
    is_bars: bool = False
    """Lines: drawn as bars, for counts of a stretch of time."""
    lowest: float | None = None
    highest: float | None = None
    interval: str | None = None
    """The shortest stretch between two points; the data source's else."""
    links: tuple[str, str] | None = None
    """Tables: a column, and the address that its cells lead to."""
    hides: tuple[str, ...] = ()
    """Tables: columns that are not shown."""


def built(panel: Panel) -> Any:  # noqa: ANN401 - builders of the SDK have no common type but their protocol
    """Make Grafana's panel."""
    made = _MAKERS[panel.kind](panel)
    is_sql = isinstance(panel.queries[0], Sql)
    is_now = panel.kind is not Kind.LINES
    made = (
        made.title(panel.title)
        .description(panel.about)
        .datasource(SQL if is_sql else PROMETHEUS)
        .unit(panel.unit)
        .span(panel.width)
        .height(_HEIGHTS[panel.kind])
    )
    for number, query in enumerate(panel.queries):
        is_table = panel.kind is Kind.TABLE
        made = made.with_target(target(query, chr(ord("A") + number), is_instant=is_now, is_table=is_table))
    if panel.steps:
        made = made.thresholds(_thresholds(panel.steps))
    if panel.lowest is not None:
        made = made.min(panel.lowest)
    if panel.highest is not None:
        made = made.max(panel.highest)
    return made if panel.interval is None else made.interval(panel.interval)


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    made = [Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(made)


def _colour(panel: Panel) -> dashboard.FieldColor:
    mode = FieldColorModeId.THRESHOLDS if panel.steps else FieldColorModeId.PALETTE_CLASSIC
    return dashboard.FieldColor().mode(mode)


def _lines(panel: Panel) -> timeseries.Panel:
    style = GraphDrawStyle.BARS if panel.is_bars else GraphDrawStyle.LINE
    made = (
        timeseries.Panel()
        .draw_style(style)
        .fill_opacity(60 if panel.is_bars else 10)
        .show_points(VisibilityMode.NEVER if panel.is_bars else VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)  # noqa: FBT003 - the SDK's own way
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    if panel.is_stacked:
        made = made.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if panel.steps:
        made = made.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE))
    return made


def _stat(panel: Panel) -> stat.Panel:
    return stat.Panel().reduce_options(common.ReduceDataOptions().calcs(_REDUCE)).color_scheme(_colour(panel))


def _bars(panel: Panel) -> bargauge.Panel:
    # A table of names and values is a bar a row; series of Prometheus are a bar each.
    options = common.ReduceDataOptions().calcs(_REDUCE)
    if isinstance(panel.queries[0], Sql):
        options = options.values(True).limit(50)  # noqa: FBT003 - the SDK's own way
    return (
        bargauge.Panel()
        .reduce_options(options)
        .orientation(VizOrientation.HORIZONTAL)
        .color_scheme(_colour(panel))
    )


def _table(panel: Panel) -> table.Panel:
    made = table.Panel().filterable(True)  # noqa: FBT003 - the SDK's own way
    if isinstance(panel.queries[0], Prom):
        hidden = {"Time": True, "__name__": True, "job": True}
        made = made.with_transformation(
            DataTransformerConfig(id_val="organize", options={"excludeByName": hidden})
        )
    if panel.links is not None:
        column, address = panel.links
        link = {"title": "Open", "url": address, "targetBlank": True}
        made = made.override_by_name(column, [DynamicConfigValue(id_val="links", value=[link])])
    for column in panel.hides:
        made = made.override_by_name(column, [DynamicConfigValue(id_val="custom.hidden", value=True)])
    return made


_MAKERS: Final[Mapping[Kind, Callable[[Panel], Any]]] = {
    Kind.LINES: _lines,
    Kind.STAT: _stat,
    Kind.BARS: _bars,
    Kind.TABLE: _table,
}
