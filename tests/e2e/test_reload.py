"""SIGHUP: a running service takes the seeds of authority from its file again."""

from __future__ import annotations

import math
import os
import signal
from typing import TYPE_CHECKING

import pytest
from linktide_process import COMMAND, LinktideProcess, command, wait_until
from test_rekey_command import write_events

if TYPE_CHECKING:
    from pathlib import Path

RUN = (*COMMAND, "run", "--config", "linktide.toml", "--database", "links.duckdb", "--http-port", "0")
TRUST = "SELECT domain_name, CAST(round(trust) AS INTEGER) AS trust FROM domains WHERE trust > 0 ORDER BY ALL"
TOPICS = "SELECT topic, domain_name FROM topical_authority ORDER BY ALL"


def configure(folder: Path, trusted: str, topic: str, extra: str = "") -> None:
    text = (
        f'[authority]\nmin_domains = 0\ntrusted_domains = ["{trusted}"]\n{extra}\n'
        f'[authority.topics]\nthings = ["{topic}"]\n'
    )
    (folder / "linktide.toml").write_text(text, encoding="utf-8")


def trust_from(seed: str, other: str) -> list[dict[str, object]]:
    """Return the trust of two domains that link to each other alone: t = 0.15 + 0.85 * 0.85 t."""
    seeded = 0.15 / (1 - 0.85**2)
    points = {
        name: 100 / 6 * (math.log10(mass / 0.15) + 4)
        for name, mass in ((seed, seeded), (other, 0.85 * seeded))
    }
    return [{"domain_name": name, "trust": round(points[name])} for name in sorted(points)]


@pytest.mark.slow
def test_seeds_change_while_the_service_runs(tmp_path: Path) -> None:
    write_events(tmp_path)
    configure(tmp_path, "other.com", "other.com")
    with LinktideProcess(tmp_path, *RUN) as service:
        service.wait_ready()
        assert command(tmp_path, "import", "events.ndjson").returncode == 0
        wait_until(lambda: service.query(TRUST) == trust_from("other.com", "blog.com"), "trust")
        configure(tmp_path, "blog.com", "blog.com")
        os.kill(service.pid, signal.SIGHUP)
        wait_until(lambda: service.query(TRUST) == trust_from("blog.com", "other.com"), "other seeds")
        configure(tmp_path, "elsewhere.com", "elsewhere.com")
        os.kill(service.pid, signal.SIGHUP)
        wait_until(lambda: service.query(TRUST) == [], "no seed that is known")
        assert service.query(TOPICS) == []
        # A file that is wrong changes nothing and stops nothing.
        configure(tmp_path, "blog.com", "blog.com", extra="nonsense = 1")
        os.kill(service.pid, signal.SIGHUP)
        wait_until(lambda: "is not taken again" in service.told, "the complaint")
        assert service.is_ready()
