"""Attributes of every type, however they are written, end the same in any order of arrival."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from examples import seeds
from linktide.sources.source import Chunk, Codec
from oracle.histories import BASE_US, RECORD_AT_US
from pipeline import whole

if TYPE_CHECKING:
    from pathlib import Path

VALUES = {
    "alt": ('"logo"', r'"l\u006fgo"', '""'),
    "title": (r'"half \ud83d a pair"', r'"\u0000"', '"T"', r'"\"\\\/"'),
    "http_code": ("200", "2e2", "200.0", "404", "0"),
    "http_code_target": ("999", "301"),
    "redirect_chain": ("[]", '["https://r.example/"]', '[ "https://r.example/" ]', r'["\u0061", "b"]'),
    "noindex": ("true", "false"),
    "canonical": ('"https://c.example/"', '"rel/ative"'),
    "links_internal": ("0", "9223372036854775807"),
    "links_external": ("1e3", "1000"),
    "page_published_at": ("1709251200000", '"1709251200000"', '"March"'),
    "campaign_id": ("7", '"7"', '"seven"'),
    "words": ("3e2", "300"),
    "hidden": ("true", "false"),
    "anchor": ('"a"', r'"\u0061"', '"ä"', r'"\ud800"', "null"),
    "rel": ("[]", '"nofollow UGC"', '["ugc", "nofollow"]', '["nofollow ugc"]', '""', "null"),
    "link_type": ('"text"', r'"\u0074ext"', '"image"'),
    # No attributes: kept in the raw rows, and in the way of those who look for attributes there.
    "base": ('"https://a.example/b/"',),
    "type": ('"seen"',),
    "version": ("1", "1.0"),
    "unknown": ("1e999", '{"title": "not me"}', '[["alt", "nor me"]]', r'"\udc00"'),
    r"unkn\u006fwn": ("2",),
    "event_id": ("1", '"e"'),
}
"""Field → JSON of its values; several are one and the same value."""

SHOWN = """
SELECT source_url, target_url, anchor, rel, link_type, CAST(attributes AS VARCHAR) FROM links ORDER BY ALL
"""
RUNS = """
SELECT source_url, target_url, field, epoch_us(observed_at), value
FROM internal.attribute_runs JOIN internal.links USING (link_id) ORDER BY ALL
"""
OTHER_RELS = """
SELECT a.rel, r.rel FROM internal.link_attributes a JOIN internal.link_rels r USING (link_id)
WHERE a.rel IS DISTINCT FROM r.rel
"""


def sightings(chance: random.Random, count: int) -> list[bytes]:
    """Write sightings of two links at few instants, in order of time."""
    found = []
    for number in range(count):
        hour = number // 3
        head = {
            "event": "seen",
            "observed_at": BASE_US // 1_000 + hour * 3_600_000,
            "source_url": "https://a.example/b/",
            "target_url": f"https://c.example/{chance.randrange(2)}",
        }
        names = chance.sample(sorted(VALUES), chance.randrange(1, 6))
        fields = "".join(f', "{name}": {chance.choice(VALUES[name])}' for name in names)
        found.append((json.dumps(head)[:-1] + fields + "}").encode())
    return found


def last_changes() -> list[bytes]:
    """Write a last change of each link: the runs of one without changes stand in its wide row alone."""
    at = (BASE_US + 10**12) // 1_000
    head = (
        b'{"event": "seen", "observed_at": %d, "source_url": "https://a.example/b/", "generator": "g",' % at
    )
    return [head + b' "target_url": "https://c.example/%d"}' % number for number in range(2)]


def links_of(path: Path, lines: list[bytes], cuts: list[int], per_chunk: int) -> tuple[object, object]:
    """Run the lines, the service stopped at each cut; return current attributes and the runs of all links."""
    arriving = [*lines, *last_changes()]
    chunks = [
        Chunk(whole.LINKS, Codec.NDJSON, b"\n".join(part) + b"\n", at, at + len(part), RECORD_AT_US)
        for at in range(0, len(arriving), per_chunk)
        for part in [arriving[at : at + per_chunk]]
    ]
    for cut in [*cuts, len(arriving)]:
        there = [chunk for chunk in chunks if chunk.next_offset <= cut or cut == len(arriving)]
        whole.run(path, [whole.memory_of(there)], batch_max_events=per_chunk)
    with whole.opened(path) as stopped:
        assert stopped.query("SELECT events, dead_letters FROM sources") == [(len(arriving), 0)]
        assert stopped.query(OTHER_RELS) == []
        return stopped.query(SHOWN), stopped.query(RUNS)


@seeds(3)
def test_any_order_gives_the_same_attributes(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    lines = sightings(chance, 60)
    wanted = links_of(tmp_path / "in_order.duckdb", lines, [], 100)
    chance.shuffle(lines)
    assert links_of(tmp_path / "shuffled.duckdb", lines, [20, 45], 5) == wanted
    assert links_of(tmp_path / "one_by_one.duckdb", lines, [], 1) == wanted
