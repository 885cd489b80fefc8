"""The dashboards are what the generator makes, keep the usual rules, and name what there is."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from deploy_files import DEPLOY, ROOT, compose
from grafana_rules import DASHBOARDS, PROMETHEUS, SQL, Board, asked, boards, findings, panels, variables

from linktide.alerts.catalogue import BY_NAME
from linktide.alerts.slo_rules import RECORDING
from linktide.metrics.catalog import CATALOG, Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TITLES = {
    "linktide-velocity": "Link velocity",
    "linktide-authority": "Authority and quality",
    "linktide-competitors": "Competitors",
    "linktide-alerts": "Alerts",
    "linktide-pipeline": "Pipeline",
    "linktide-store": "Store and SQL",
}
RECORDED = {*RECORDING, "ALERTS"}


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_generator_makes_the_same_bytes(tmp_path: Path, seed: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "linktide_dashboards", str(tmp_path)],
        env={"PYTHONPATH": str(DEPLOY / "grafana"), "PYTHONHASHSEED": seed},
        check=True,
    )
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in DASHBOARDS.iterdir()}


def test_there_are_six() -> None:
    assert {name: board["title"] for name, board in boards().items()} == TITLES
    assert all(board["uid"] == name for name, board in boards().items())


@pytest.mark.parametrize("name", TITLES)
def test_a_dashboard_keeps_the_rules(name: str) -> None:
    assert findings(boards()[name]) == []


def _first(board: Board, kind: str) -> dict[str, Any]:
    return next(panel for panel in panels(board) if panel["targets"][0]["datasource"]["type"] == kind)


def _swap(old: str, new: str) -> Callable[[Board], None]:
    def spoil(board: Board) -> None:
        for panel in panels(board):
            for target in panel["targets"]:
                if "expr" in target:
                    target["expr"] = target["expr"].replace(old, new)

    return spoil


SLIPS: dict[str, Callable[[Board], object]] = {
    "edited in place": lambda board: board.update(editable=True),
    "no variable for the Prometheus": lambda board: board["templating"]["list"].pop(0),
    "no variable job": lambda board: variables(board)["job"].update(allValue=None),
    "not read anew": lambda board: variables(board)["instance"].update(refresh=1),
    "has no label": lambda board: variables(board)["job"].update(label=""),
    "no link to the page": lambda board: board.update(links=[]),
    "one id": lambda board: [panel.update(id=7) for panel in panels(board)],
    "over one another": lambda board: _first(board, PROMETHEUS)["gridPos"].update(w=20),
    "one title": lambda board: [panel.update(title="x") for panel in panels(board)],
    "no title": lambda board: _first(board, PROMETHEUS).update(title=""),
    "no description": lambda board: _first(board, PROMETHEUS).update(description=""),
    "no unit": lambda board: _first(board, SQL)["fieldConfig"]["defaults"].pop("unit"),
    "asks nothing": lambda board: _first(board, PROMETHEUS).update(targets=[]),
    "as markup": lambda board: _first(board, SQL).update(type="text"),
    "its data source is no variable": lambda board: _first(board, SQL).update(datasource={"uid": "x"}),
    "without time": lambda board: _first(board, SQL)["targets"][0].update(
        rawSql="SELECT 1", format="time_series"
    ),
    "where data says": lambda board: _first(board, SQL)["fieldConfig"]["overrides"].append(
        {"properties": [{"id": "links", "value": [{"url": "${__value.raw}"}]}]}
    ),
    "not matched by job": _swap('job=~"$job", ', ""),
    "not matched by instance": _swap('instance=~"$instance"', 'x="y"'),
    "rate over": _swap("$__rate_interval", "5m"),
    "as it is": _swap("rate(", "avg("),
    "without labels": _swap("sum by (instance", "linktide_build_info * sum by (instance"),
    "selects nothing": _swap("linktide_build_info{", "vector(1) #"),
}


@pytest.mark.parametrize("told", SLIPS)
def test_the_rules_see_a_slip(told: str) -> None:
    board = copy.deepcopy(boards()["linktide-pipeline"])
    SLIPS[told](board)
    assert any(told in found for found in findings(board))


@pytest.mark.parametrize("name", TITLES)
def test_every_series_and_label_exists(name: str) -> None:
    labels_of = {metric.name: set(metric.labels) for metric in CATALOG}
    for metric in CATALOG:
        if metric.kind is Kind.HISTOGRAM:
            labels_of[f"{metric.name}_bucket"] = {*metric.labels, "le"}
            labels_of[f"{metric.name}_sum"] = labels_of[f"{metric.name}_count"] = set(metric.labels)
    texts = [one.text for one in asked(boards()[name]) if one.kind == PROMETHEUS]
    texts += [one["query"] for one in variables(boards()[name]).values() if one["type"] == "query"]
    for text in texts:
        for metric, matchers in re.findall(r"(?<![\w:$])([A-Za-z_:][\w:]*)\{([^}]*)\}", text):
            if metric in RECORDED:
                continue
            used = set(re.findall(r"(\w+)(?:=~|!=|=)\"", matchers)) - {"job", "instance"}
            assert used <= labels_of[metric], f"{metric}{{{matchers}}}"


def test_what_is_provisioned_is_what_dashboards_ask() -> None:
    folder = DEPLOY / "grafana" / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "linktide.yaml").read_text("utf-8"))["datasources"]
    assert {source["type"] for source in sources} == {PROMETHEUS, SQL}
    (provider,) = yaml.safe_load((folder / "dashboards" / "linktide.yaml").read_text("utf-8"))["providers"]
    grafana = compose()["services"]["grafana"]
    mounts = {volume.split(":")[1]: volume.split(":")[0] for volume in grafana["volumes"]}
    assert (DEPLOY / mounts[provider["options"]["path"]]).resolve() == DASHBOARDS
    assert (DEPLOY / mounts["/etc/grafana/provisioning"]).resolve() == folder
    text = (folder / "datasources" / "linktide.yaml").read_text("utf-8")
    text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    assert set(re.findall(r"\$([A-Z][A-Z_]+)", text)) <= grafana["environment"].keys()
    read = set(re.findall(r"\$__file\{/run/secrets/(\w+)\}", text))
    assert read
    assert read <= set(grafana["secrets"])


def test_runbook_entries_exist() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text("utf-8")
    assert "runbook" in (DASHBOARDS / "linktide-alerts.json").read_text("utf-8")
    assert [name for name in BY_NAME if f"## {name}" not in page] == []
