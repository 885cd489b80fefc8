"""What every fault is measured by: a file of events, imports of it that are made to fail, one invariant.

The invariant: what is applied is what was produced less the dead letters, each once; the offsets are the
rows; every view is what brute force makes of the events; authority is what a direct solve makes of the links.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from event_stream import draw_stream
from linktide_process import LinktideProcess
from topic_contents import Record

from oracle.compare import assert_same, check_citation
from oracle.events import Origin
from oracle.model import derive
from pipeline import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from event_stream import EventStream

IMPORT = str(Path(__file__).with_name("faulty_import.py"))
SEED_VARIABLE = "LINKTIDE_FAULT_SEED"
IS_LONG = os.environ.get("LINKTIDE_FAULTS") == "long"
CITATION_RATIO = 0.03
"""A score is published anew when it moved by more than twice its bound, which is 1 % while events arrive."""
ROWS = """
SELECT r.source_id, count(*), count(DISTINCT r.off), max(r.off) + 1, any_value(o.next_offset),
    any_value(o.events) + any_value(o.dead_letters)
FROM (SELECT source_id, off FROM internal.link_events
      UNION ALL SELECT source_id, off FROM internal.dead_letters) r
JOIN internal.source_offsets o ON o.source_id = r.source_id
GROUP BY ALL
"""


def times(short: int, long: int) -> int:
    """Return how often a fault is made: in CI, or with LINKTIDE_FAULTS=long."""
    return long if IS_LONG else short


def drawn_seed() -> int:
    """Return the seed of this run; LINKTIDE_FAULT_SEED repeats one."""
    return int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(1 << 32))


@dataclass(frozen=True)
class Campaign:
    """Events in a file, and the folder of the database that they go into."""

    name: str
    seed: int
    chance: random.Random
    stream: EventStream
    file: Path
    folder: Path
    values: tuple[bytes, ...]

    @classmethod
    def begin(cls, name: str, folder: Path, records: int, links: int = 600) -> Campaign:
        """Draw a stream and write it to a file."""
        seed = drawn_seed()
        chance = random.Random(seed)
        stream = draw_stream(chance, records, links)
        # A tombstone has no line, and a blank line is no record.
        values = tuple(value for value in stream.values if value is not None and value.strip())
        assert not any(b"\n" in value for value in values)
        file = folder / "events.ndjson"
        file.write_bytes(b"".join(value + b"\n" for value in values))
        database_folder = folder / "database"
        database_folder.mkdir()
        return cls(name, seed, chance, stream, file, database_folder, values)

    @property
    def database(self) -> Path:
        return self.folder / "links.duckdb"

    def arguments(self, *options: str, **settings: object) -> list[str]:
        """Return the arguments of Python that import the file in small batches."""
        chosen = {
            "database": "links.duckdb",
            "batch_max_events": 60,
            "catch_up_max_events": 60,
            "batch_max_seconds": 0.1,
            "authority_min_domains": 0,
            "start_retry_seconds": 0,
            # Disks are to get full here: no pause before.
            "min_free_bytes": 0,
            **settings,
        }
        named = [f"{name}={value}" for name, value in chosen.items()]
        return [IMPORT, *options, str(self.file), *named]

    def importing(self, *options: str, under: Sequence[str] = (), **settings: object) -> LinktideProcess:
        """Start an import, under another program if one is given."""
        arguments = self.arguments(*options, **settings)
        return LinktideProcess(self.folder, *arguments, under=under, logs=self.file.parent)

    def finish(self, *options: str) -> None:
        """Import the rest."""
        with self.importing("--chunk-bytes=1048576", *options, batch_max_events=2000) as process:
            ended = process.ended()
        assert ended.exit_code == 0, ended.told

    def check(self, *, is_whole: bool = True) -> int:
        """Hold the database to the invariant; return the records it holds."""
        with whole.opened(self.database) as index:
            rows = index.query(ROWS)
            stored = rows[0][1] if rows else 0
            wanted = [(1, *[stored] * 5)] if stored else []
            assert [tuple(row) for row in rows] == wanted, self.told(0)
            if is_whole:
                assert stored == len(self.values)
            state = derive(*self.stream.judge(self._records(stored)))
            assert_same(index.query, state)
            assert check_citation(index.query, state, CITATION_RATIO) == []
        return stored

    def _records(self, stored: int) -> list[Record]:
        return [
            Record(Origin("file", self.file.name, 0, line), 0, value)
            for line, value in enumerate(self.values[:stored])
        ]

    def told(self, faults: int, **more: object) -> str:
        """Return the line that a fault prints."""
        facts = "".join(f", {name.replace('_', ' ')} {value}" for name, value in more.items())
        return f"fault {self.name}: {faults} times{facts}; {SEED_VARIABLE}={self.seed}"

    def tell(self, faults: int, **more: object) -> None:
        """Print what was done and what holds."""
        print(f"{self.told(faults, **more)}; each record once, offsets = rows, views = oracle")  # noqa: T201 -- what a campaign is for
