"""What a seed must have come to: the committed state beside the brute-force model, row by row."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from oracle.compare import check_citation, compare, query_of
from oracle.graph import citation
from oracle.model import State, Status, derive
from oracle.shown import Settings
from oracle.views import link_velocity
from simulator.fake_store import FakeStore, current, newest

if TYPE_CHECKING:
    from linktide.index import LinkIndex
    from simulator.topic import Topic
    from simulator.world import World

CITATION_RATIO = 0.03
"""A score is published anew when it moved by more than twice its bound, which is 1 % while events arrive."""
STATUSES = (Status.NONE, Status.LIVE, Status.SUSPECT, Status.LOST)
LIFE_COLUMNS = (
    "started_at",
    "last_alive_at",
    "lost_at",
    "confirmed_at",
    "lost_reason",
    "is_confirmed_by_event",
)
ROWS = """
SELECT o.part, count(*), count(DISTINCT r.off), any_value(o.events) + any_value(o.dead_letters)
FROM (SELECT source_id, off FROM internal.link_events
      UNION ALL SELECT source_id, off FROM internal.dead_letters) r
JOIN internal.source_offsets o ON o.source_id = r.source_id
GROUP BY ALL
"""


def differences(world: World) -> list[str]:
    """Say where the stored state, and the index that runs on it, are not what they must be."""
    state = derive(world.topic.events, world.topic.dead_letters)
    if isinstance(world.store, FakeStore):
        told = fake_differences(world.store, state)
        rows = rows_of(world.store)
    else:
        query = query_of(world.store.database.connection)
        told = compare(query, state) + check_citation(query, state, CITATION_RATIO)
        rows = {row[0]: (row[1], row[2], row[3]) for row in query(ROWS)}
    told += unlike("rows and offsets", rows, wanted_rows(world.topic))
    ends = {one.number: position.next_offset for one, position in world.store.positions.items()}
    told += unlike(
        "offsets",
        ends,
        {one.number: world.topic.end_of(one) for one in world.topic.records if ends.get(one.number)},
    )
    return told + index_differences(world.life.index, world.store.restore(world.options))


def wanted_rows(topic: Topic) -> dict[int, tuple[int, int, int]]:
    return {
        partition.number: (len(records), len(records), len(records))
        for partition, records in topic.records.items()
        if records
    }


def rows_of(store: FakeStore) -> dict[int, tuple[int, int, int]]:
    """Return partition → rows, distinct offsets of them, what was counted."""
    offsets: dict[int, list[int]] = defaultdict(list)
    for name in ("link_events", "dead_letters"):
        for row in store.tables[name]:
            offsets[row["source_id"]].append(row["off"])
    return {
        partition.number: (len(offsets[number]), len(set(offsets[number])), store.counted[partition])
        for partition, number in store.ids.items()
        if offsets[number]
    }


def unlike(what: str, seen: Any, wanted: Any) -> list[str]:  # noqa: ANN401 -- whatever is compared
    return [] if seen == wanted else [f"{what}: {seen}, wanted {wanted}"]


def fake_differences(store: FakeStore, state: State) -> list[str]:
    """Compare every link with all its lives and attribute runs, then velocity and authority."""
    runs = store.runs()
    lives: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for one in sorted(store.lives(), key=lambda life: life["started_at"]):
        lives[one["link_id"]].append(tuple(one[name] for name in LIFE_COLUMNS))
    states = {one["link_id"]: one for one in newest(store.tables["link_changes"], "link_id")}
    seen: dict[Any, Any] = {}
    for link in store.tables["links"]:
        link_id = link["link_id"]
        values = {name: value for name, (_, value) in current(runs[link_id]).items()}
        pair = (link["source_url"], link["target_url"])
        state_row = states.get(link_id, {})
        status = STATUSES[state_row.get("status") or 0]
        seen[pair] = (
            status,
            state_row.get("last_seen"),
            lives[link_id],
            sorted(_told(runs[link_id])),
            values,
        )
    wanted = {
        tuple(pair): (
            link.status,
            link.last_seen,
            [tuple(getattr(life, name) for name in LIFE_COLUMNS) for life in link.lives],
            sorted((run.field, run.observed_at, run.value) for run in link.runs),
            dict(link.values),
        )
        for pair, link in state.links.items()
    }
    told = [f"a link too many: {pair}" for pair in seen.keys() - wanted.keys()]
    told += [
        f"{pair}:\n  seen   {seen.get(pair)}\n  wanted {link}"
        for pair, link in wanted.items()
        if seen.get(pair) != link
    ]
    return told + unlike("velocity", velocity_of(store), wanted_velocity(state)) + scores(store, state)


def _told(runs: dict[tuple[str, Any], str]) -> list[tuple[str, int, str]]:
    return [(name, at, value) for (name, at), value in runs.items()]


def velocity_of(store: FakeStore) -> dict[tuple[str, int], tuple[int, int, int]]:
    names = {one["domain_key"]: one["domain_name"] for one in store.domains()}
    counts: Counter[tuple[str, int, str]] = Counter()
    for row in store.tables["velocity_delta"]:
        for column in ("new_links", "restored_links", "lost_links"):
            counts[names[row["t_dom_key"]], row["hour"], column] += row[column]
    places = {(name, hour) for name, hour, _ in counts}
    found = {
        place: (
            counts[(*place, "new_links")], counts[(*place, "restored_links")], counts[(*place, "lost_links")]
        )
        for place in places
    }  # fmt: skip
    return {place: row for place, row in found.items() if any(row)}


def wanted_velocity(state: State) -> dict[tuple[str, int], tuple[int, int, int]]:
    return {(row[0], row[1]): row[2:5] for row in link_velocity(state, Settings()) if any(row[2:5])}  # type: ignore[misc]  # a row is any tuple


def scores(store: FakeStore, state: State) -> list[str]:
    """Compare published authority with a direct solve."""
    names = {one["domain_key"]: one["domain_name"] for one in store.domains()}
    published = {
        names[one["domain_key"]]: one["citation"]
        for one in newest(store.tables["domain_scores"], "domain_key")
    }
    return [
        f"citation of {name}: {published.get(name)}, wanted {score}"
        for name, score in citation(state).items()
        if abs(published.get(name, 0.15) - score) > CITATION_RATIO * score
    ]


def index_differences(running: LinkIndex, rebuilt: LinkIndex) -> list[str]:
    """Say where an index that ran differs from one that was built from what is committed."""
    names = ("live_links", "known_links", "domains")
    here, there = running.numbers(), rebuilt.numbers()
    return [
        f"{name}: {here[name]} running, {there[name]} rebuilt" for name in names if here[name] != there[name]
    ]
