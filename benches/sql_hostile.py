"""Commits of a service while hostile statements run: the battery of tests/store by several clients."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "store"))
from test_store_gate import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[[], psycopg.Connection[tuple[object, ...]]]

_CLIENTS = 4
_LOOK_SECONDS = 0.02
HEAVY = (
    "SELECT count(*) FROM range(100000) a, range(100000) b WHERE a.range * b.range = 7",
    "SELECT count(*) FROM links a, links b WHERE a.link_id % 7 = b.link_id % 7",
    "SELECT string_agg(repeat('x', 10000), '') FROM range(1000000)",
    "SELECT regexp_matches('" + "a" * 30 + "b', '(a+)+$')",
    "SELECT range FROM range(100000000)",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT '" + "a" * 200_000 + "'",
)
"""Statements that the gate lets run, and that limits end."""


def beside_the_battery(
    connect: Connect, commit_seconds: Callable[[], tuple[float, float]], seconds: float
) -> dict[str, float]:
    """Return how long commits take, alone and beside clients that send the battery again and again."""
    alone = _commits(commit_seconds, seconds)
    is_over = threading.Event()
    sent = [0] * _CLIENTS

    def attack(number: int) -> None:
        statements = [line.replace("{folder}", "/tmp/none").replace("\\n", "\n") for line in HOSTILE]  # noqa: S108
        place = number * 31
        while not is_over.is_set():
            with contextlib.suppress(psycopg.Error), connect() as connection:
                connection.execute("SET statement_timeout = '2s'")
                for _ in range(20):
                    place += 1
                    every = (
                        HEAVY[place % len(HEAVY)] if place % 5 == 0 else statements[place % len(statements)]
                    )
                    with contextlib.suppress(psycopg.Error):
                        connection.execute(every.encode())
                    sent[number] += 1
                    if is_over.is_set():
                        break

    clients = [threading.Thread(target=attack, args=(number,)) for number in range(_CLIENTS)]
    for one in clients:
        one.start()
    beside = _commits(commit_seconds, seconds)
    is_over.set()
    for one in clients:
        one.join()
    return {
        "battery: statements sent": float(sum(sent)),
        "battery: commit p99 alone, ms": _p99(alone),
        "battery: commit p99 beside it, ms": _p99(beside),
        "battery: commit p99 over alone": _p99(beside) / _p99(alone),
    }


def _commits(commit_seconds: Callable[[], tuple[float, float]], seconds: float) -> list[float]:
    """Return the milliseconds of each commit, by looking more often than there are any."""
    took = []
    spent, count = commit_seconds()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
        now_spent, now_count = commit_seconds()
        new = int(now_count - count)
        # Two between two looks share what they took; so short a commit decides no p99.
        took += [(now_spent - spent) / new * 1e3] * new if new else []
        spent, count = now_spent, now_count
    if not took:
        raise RuntimeError("nothing was committed; push faster or for longer")
    return sorted(took)


def _p99(took: list[float]) -> float:
    return took[min(len(took) - 1, int(len(took) * 0.99))]
