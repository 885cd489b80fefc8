"""How many series a scrape has, whatever the number of domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from told_days import START

from linktide.alert_desk import AlertDesk
from linktide.alert_gauges import tell_profile
from linktide.alert_watch import AlertWatch
from linktide.alerts.facts import Concentration, ProfileFacts, ToxicGain
from linktide.config import load
from linktide.metrics.index_counters import IndexCounters
from linktide.metrics.values import Metrics
from linktide.service import Service
from pipeline.whole import memory

if TYPE_CHECKING:
    from pathlib import Path

MOST_OF_A_DOMAIN = 32
MOST_OF_THE_SERVICE = 600


def series(exposition: bytes) -> int:
    return sum(not line.startswith(b"#") for line in exposition.splitlines())


def told(count: int) -> int:
    metrics = Metrics()
    domains = [(f"d{number}.com", "own" if number % 2 else "rival") for number in range(count)]
    IndexCounters(metrics, domains)
    AlertDesk(metrics, domains, AlertWatch(metrics, lambda: 0, 0))
    visits = Concentration("s.com", 0.5, 100)
    for name, role in domains:
        if role == "own":
            tell_profile(
                metrics,
                ProfileFacts(
                    name=name,
                    role=role,
                    clock_us=0,
                    asked_us=0,
                    exact_share=0.3,
                    anchor_refdomains=30,
                    broken=4,
                    broken_a_day_ago=1,
                    visits=visits,
                    toxic=ToxicGain(toxic=20, gained=30, mean=1.5, days=28),
                ),
            )
    return series(metrics.exposition())


def test_series_grow_with_tracked_domains_alone_and_are_there_from_the_start() -> None:
    none = told(0)
    assert none < MOST_OF_THE_SERVICE
    assert told(100) <= none + 100 * MOST_OF_A_DOMAIN


def test_many_domains_make_no_more_series_and_those_beyond_the_cap_are_counted(tmp_path: Path) -> None:
    counts = []
    for domains in (10, 4_000):
        lines = [
            f'{{"event": "discovered", "observed_at": "{START.isoformat()}", '
            f'"source_url": "https://s{one}.com/", "target_url": "https://d{one}.com/"}}'.encode()
            for one in range(domains)
        ]
        flags: dict[str, object] = {
            "database": tmp_path / f"{domains}.duckdb",
            "tracked_domains": tuple(f"d{one}.com" for one in range(5)),
            "tracked_max": 3,
        }
        config = load(flags=flags, environ={}, folder=tmp_path)
        service = Service(config, sources=[memory(lines)], stop_when_exhausted=True, has_http=False)
        service.run()
        exposition = service.state.exposition()
        assert b"linktide_tracked_domains_dropped 2.0" in exposition
        assert b'domain="d2.com"' in exposition
        assert b'domain="d3.com"' not in exposition
        counts.append(series(exposition))
    assert counts[0] == counts[1] < MOST_OF_THE_SERVICE
