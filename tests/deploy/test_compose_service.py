"""What deploy/compose.yaml sets up, without containers: the same variables, secrets and scrape."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
from deploy_files import DEPLOY, compose, done, tool
from linktide_process import COMMAND, LinktideProcess, wait_until
from watched_service import prometheus

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
SECRETS = "/run/secrets"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Make the secrets by the script that operators run."""
    tool("openssl")
    folder = tmp_path / "secrets"
    script = DEPLOY / "compose" / "make-secrets.sh"
    command = ["bash", str(script), sys.executable, *COMMAND]
    for _ in range(2):
        subprocess.run(command, env={"SECRETS_FOLDER": str(folder), "PATH": "/usr/bin:/bin"}, check=True)
    return folder


def settings(secrets: Path) -> list[str]:
    """Return the service's variables in the compose file, without Kafka's and with free ports."""
    told = compose()["services"]["linktide"]["environment"]
    here = str(secrets)
    told = {name: value.replace(SECRETS, here) for name, value in told.items() if "KAFKA" not in name}
    told |= {"LINKTIDE_TRACKED_DOMAINS": "example.org", "LINKTIDE_RIVALS": "", "LINKTIDE_HTTP_PORT": "0"}
    # No other machine is to reach it: all but the address is as in the file.
    told |= {"LINKTIDE_HTTP_HOST": "127.0.0.1", "LINKTIDE_SQL_HOST": "127.0.0.1"}
    return [f"{name}={value}" for name, value in told.items()]


def test_secrets_are_made_once_and_kept_from_others(secrets: Path) -> None:
    names = set(compose()["secrets"])
    assert {path.name for path in secrets.iterdir()} == names
    assert secrets.stat().st_mode & 0o777 == 0o700
    # Users of containers must read them; the folder keeps those of this machine out.
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o444}


def test_the_settings_are_accepted_on_all_addresses(secrets: Path, tmp_path: Path) -> None:
    told = compose()["services"]["linktide"]["environment"]
    given = [f"{name}={value.replace(SECRETS, str(secrets))}" for name, value in told.items()]
    given += ["LINKTIDE_TRACKED_DOMAINS=example.org", "LINKTIDE_RIVALS="]
    out = done("env", *given, sys.executable, *COMMAND, "check", "--database", "links.duckdb", cwd=tmp_path)
    assert "WRONG" not in out


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed")
def test_prometheus_and_grafana_come_in(secrets: Path, tmp_path: Path) -> None:
    arguments = (*COMMAND, "run", "--database", "links.duckdb")
    with LinktideProcess(tmp_path, *arguments, under=("env", *settings(secrets))) as service:
        facts = tmp_path / "links.duckdb.service.json"
        wait_until(lambda: facts.exists() and service.is_running, "the service says where it is")
        address = str(service.address).removeprefix("http://")
        certificate = str(secrets / "tls_certificate")
        # As the health check of the image.
        done(
            "env", *settings(secrets), sys.executable, *COMMAND, "status", "--json",
            "--database", "links.duckdb", cwd=tmp_path,
        )  # fmt: skip
        config = (DEPLOY / "compose" / "prometheus.yaml").read_text("utf-8")
        rules = (DEPLOY / "prometheus" / "linktide-rules.yaml").read_text("utf-8")
        (tmp_path / "linktide-rules.yaml").write_text(rules, "utf-8")
        config = (
            config.replace("linktide:8640", address).replace(SECRETS, str(secrets)).replace(": 15s", ": 1s")
        )
        with prometheus(tmp_path, config) as server:

            def is_up() -> bool:
                try:
                    answer = httpx.get(f"{server}/api/v1/query", params={"query": "up"}, trust_env=False)
                    return [row["value"][1] for row in answer.json()["data"]["result"]] == ["1"]
                except (httpx.HTTPError, ValueError):
                    return False

            wait_until(is_up, "Prometheus comes in by TLS and with the token")
        source = {
            "host": "linktide", "hostaddr": "127.0.0.1", "port": service.sql_port, "dbname": "linktide",
            "user": compose()["services"]["grafana"]["environment"]["SQL_USER"],
            "sslmode": compose()["services"]["grafana"]["environment"]["SQL_SSLMODE"],
            "sslrootcert": certificate,
        }  # fmt: skip
        password = (secrets / "grafana_sql").read_text("utf-8").strip()
        with psycopg.connect(**source, password=password, autocommit=True) as connection:
            assert connection.execute("SELECT count(*) FROM backlinks").fetchall() == [(0,)]
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(**source, password="wrong")  # noqa: S106 - it is
