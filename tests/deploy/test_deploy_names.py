"""What deploy/ names exists: settings, metrics, ports, routes, exit codes, files."""

from __future__ import annotations

import re
import tomllib

from deploy_files import DEPLOY, ROOT, UNIT_PROGRAM, compose, texts, unit_environment, unit_values
from grafana_rules import ALERTS_PAGE

from linktide.config import Config, settings
from linktide.config_layers import NOT_SETTINGS
from linktide.errors import ExitCode
from linktide.metrics.catalog import CATALOG
from linktide_dashboards.panels import RUNBOOK

VARIABLES = {row.env_name for row in settings()} | NOT_SETTINGS.keys()
METRICS = {
    name
    for metric in CATALOG
    for name in (metric.name, *(f"{metric.name}_{part}" for part in ("bucket", "count", "sum")))
}
PORTS = {Config().http_port, Config().sql_port}


def test_every_variable_is_a_setting() -> None:
    found = {name: path for path, text in texts() for name in re.findall(r"\bLINKTIDE_[A-Z_]*[A-Z]", text)}
    assert len(found) > 20
    assert found.keys() - VARIABLES == set()


def test_every_metric_is_in_the_catalogue() -> None:
    named = r"(?<![\w:.-])linktide_[a-z_]*[a-z]"
    found = {name: path for path, text in texts() for name in re.findall(named, text)}
    assert found.keys() - METRICS == set()


def test_every_port_of_the_service_is_its_default() -> None:
    told = compose()["services"]["linktide"]["ports"]
    assert {int(port.rsplit(":", 1)[1]) for port in told} == PORTS
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert {int(port) for port in re.findall(r"^EXPOSE (.*)$", dockerfile, re.MULTILINE)[0].split()} == PORTS
    named = {int(port) for _, text in texts() for port in re.findall(r"linktide(?:-0)?:(\d{4})\b", text)}
    assert named == PORTS


def test_every_route_exists() -> None:
    routes = set(re.findall(r"`GET (/[^`]*)`", (ROOT / "docs" / "http.md").read_text("utf-8")))
    found = {route for _, text in texts() for route in re.findall(r"(?<![\w<])/-/[a-z]+", text)}
    assert found == {"/-/healthy", "/-/ready"}
    assert found | {"/metrics"} <= routes


def test_links_lead_to_the_repository() -> None:
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))
    repository = manifest["workspace"]["package"]["repository"]
    assert {RUNBOOK, ALERTS_PAGE} == {f"{repository}/blob/main/docs/alerts.md"}
    found = {url for _, text in texts() for url in re.findall(r"https://github\.com/[\w-]+/[\w-]+", text)}
    assert found == {repository}


def test_exit_codes_that_a_restart_does_not_heal() -> None:
    codes = {int(code) for code in unit_values("RestartPreventExitStatus")[0].split()}
    healing = ExitCode.USAGE, ExitCode.CONFIG, ExitCode.SCHEMA_TOO_NEW, ExitCode.DATABASE_DAMAGED
    assert codes == set(healing)


def test_files_lie_where_they_are_looked_for() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    database = re.search(r"LINKTIDE_DATABASE=(\S+)", dockerfile)
    assert database is not None
    assert unit_environment()["LINKTIDE_DATABASE"] == database[1]
    for source in (
        volume.split(":")[0]
        for service in compose()["services"].values()
        for volume in service.get("volumes", ())
    ):
        if source.startswith("./"):
            assert (DEPLOY / source).exists(), source
    assert UNIT_PROGRAM in unit_values("ExecStart")[0]
    docs = {
        name
        for _, text in texts()
        for name in re.findall(r"(?:blob/main/|(?<![\w/]))(docs/[\w/-]+\.md)", text)
    }
    assert docs
    assert [name for name in docs if not (ROOT / name).is_file()] == []
