"""How long links live: beside lifelines, and beside counting anew at every age."""

# ruff: noqa: S608 - statements of the test's own

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import duckdb
import pytest
from hand_made_store import Store, Story, day, domain_key

from linktide.sources.source import Partition
from linktide.store.writer import Advance
from oracle.survival import Followed, curve, half_life, loss_chance, remaining

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = json.loads((Path(__file__).parent / "assets" / "lifelines_curves.json").read_text("utf-8"))
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
CLOCK = int(REFERENCE["clock"])
DAY = 24
Lives: TypeAlias = "list[tuple[int, int | None]]"


def at(hours: float) -> datetime:
    return BEGINNING + timedelta(hours=hours)


def sources_of(number: int, sources: int) -> str:
    return f"s{number % sources}.com"


def told(story: Story, target: str, lives: Lives, first: int = 0, sources: int = 7) -> Story:
    """Tell a link a life, in hours since the beginning."""
    for number, (started, lost) in enumerate(lives, start=first + 1):
        story.link(
            number, f"{sources_of(number, sources)}/{number}", f"{target}/", rel="", attributes_at=at(started)
        )
        ended = (
            {} if lost is None else {"lost_at": at(lost), "confirmed_at": at(lost), "lost_reason": "notfound"}
        )
        story.life(number, at(started), **ended)
        story.state(number, 1 if lost is None else 3, started_at=at(started), last_seen=at(started))
    return story


def followed(lives: Lives, since: int, clock: int = CLOCK) -> list[Followed]:
    found = [
        Followed(max(since - started, 0), (clock if lost is None else lost) - started, lost is not None)
        for started, lost in lives
    ]
    return [life for life in found if life.left > life.entered]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One domain for each curve of lifelines."""
    with Store(tmp_path_factory.mktemp("survival") / "a.duckdb") as store:
        story = Story()
        for number, of in enumerate(REFERENCE["of"]):
            told(story, f"d{number}.org", of["lives"], first=1_000 * number)
        store.put(story, at(CLOCK))
        yield store


def asked(store: Store, macro: str, target: str, since: int, more: str = "") -> list[dict[str, Any]]:
    named = f", observed_since := TIMESTAMPTZ '{at(since).isoformat()}'" if since else ""
    return store.dicts(f"SELECT * FROM {macro}('{target}'{named}{more})")


@pytest.mark.parametrize("number", range(len(REFERENCE["of"])))
def test_the_curve_is_that_of_lifelines(reference: Store, number: int) -> None:
    of = REFERENCE["of"][number]
    found = asked(reference, "link_survival", f"d{number}.org", of["since"])
    for group in ("all", "dofollow"):
        rows = [row for row in found if row["link_group"] == group]
        assert [row["age_days"] * DAY for row in rows] == pytest.approx([row[0] for row in of["curve"]])
        assert [row["survival"] for row in rows] == pytest.approx([row[1] for row in of["curve"]], abs=1e-9)
        bounds = [(row["survival_least"], row["survival_most"]) for row in rows if row["survival"] > 0]
        wanted = [tuple(row[2:]) for row in of["curve"] if row[1] > 1e-12]
        assert [one for pair in bounds for one in pair] == pytest.approx(
            [one for pair in wanted for one in pair]
        )
    halves = {
        row["link_group"]: row for row in asked(reference, "link_half_life", f"d{number}.org", of["since"])
    }
    assert halves["all"]["half_life_days"] == pytest.approx(of["median"] / DAY)
    assert halves["all"]["lives"] == len(of["lives"])
    assert halves["all"]["lost"] == sum(lost is not None for _, lost in of["lives"])
    assert "nofollow" not in halves


@pytest.mark.parametrize("number", range(len(REFERENCE["of"])))
def test_what_is_left_of_each_link_is_that_of_brute_force(reference: Store, number: int) -> None:
    of = REFERENCE["of"][number]
    lives = followed(of["lives"], of["since"])
    living = {
        1_000 * number + place: CLOCK - started
        for place, (started, lost) in enumerate(of["lives"], start=1)
        if lost is None
    }
    rows = asked(reference, "link_outlook", f"d{number}.org", of["since"])
    assert {row["link_id"]: row["age_days"] * DAY for row in rows} == pytest.approx(living)
    for row in rows:
        age = living[row["link_id"]]
        chance, left = loss_chance(lives, age, age + 90 * DAY), remaining(lives, age)
        assert row["loss_chance"] == (None if chance is None else pytest.approx(float(chance), abs=1e-9))
        assert row["expected_remaining_days"] == (None if left is None else pytest.approx(float(left) / DAY))
    assert any(row["loss_chance"] is not None for row in rows)


@pytest.mark.parametrize("macro", ["link_survival", "link_half_life", "link_outlook", "value_at_risk"])
def test_no_link_is_compared_with_every_age_of_a_loss(reference: Store, macro: str) -> None:
    plan = reference.all(f"EXPLAIN FROM {macro}('d0.org')")[0][1]
    assert "Asof Join" in plan
    assert "Nested Loop" not in plan


@pytest.mark.timeout(60)
def test_a_domain_that_lost_nothing_is_answered_each_time(tmp_path: Path) -> None:
    # DuckDB 2.0.1 does not end every RIGHT ASOF JOIN with nothing on its left.
    with Store(tmp_path / "a.duckdb") as store:
        story = Story()
        for link in range(1, 4):
            story.link(link, f"a.com/{link}", "b.com/", seen_at=day(link))
        store.put(story.domains("a.com", "b.com"), day(9))
        for _ in range(100):
            found = store.all("SELECT lives, lost FROM link_half_life('b.com') WHERE link_group = 'all'")
            assert found == [(3, 0)]


def test_a_curve_that_too_few_begin_says_nothing_after(tmp_path: Path) -> None:
    # The only young link is lost at 50 hours; four old ones come under observation far later.
    old = [(0, None), (10, None), (20, 3_900), (30, 4_000)]
    lives = [(3_500, 3_550), *old]
    with Store(tmp_path / "a.duckdb") as store:
        store.put(told(Story(), "a.org", lives), at(5_000))
        rows = [row for row in asked(store, "link_survival", "a.org", 3_400) if row["link_group"] == "all"]
        steps = curve(followed(lives, 3_400, 5_000))
        assert [(row["at_risk"], row["lost"], row["survival"]) for row in rows] == [
            (step.at_risk, step.lost, None) for step in steps
        ]
        half = asked(store, "link_half_life", "a.org", 3_400)[0]
        assert (half["half_life_days"], half["note"]) == (
            None,
            "too few young links: at one age all that were followed were lost",
        )
        # Of links beyond the gap the later losses still tell; of the oldest nothing does.
        found = [
            (row["age_days"] * DAY, row["loss_chance"], row["expected_remaining_days"])
            for row in asked(store, "link_outlook", "a.org", 3_400, ", horizon_days := 0.25")
        ]
        assert found == [
            (pytest.approx(4_990), 0, pytest.approx(10 / DAY)),
            (pytest.approx(5_000), None, None),
        ]


def test_a_domain_without_links_has_no_rows(reference: Store) -> None:
    for macro in ("link_survival", "link_half_life", "link_outlook"):
        assert asked(reference, macro, "nobody.org", 0) == []
    rows = asked(reference, "value_at_risk", "nobody.org", 0)
    assert [(row["citation_at_risk"], row["note"]) for row in rows] == [(None, "unknown domain")]


def test_a_curve_for_each_kind_of_source_and_campaign(tmp_path: Path) -> None:
    lives: Lives = [
        (hours, hours + 500 + 37 * hours % 900 if hours % 3 else None) for hours in range(0, 900, 31)
    ]
    kinds = [("forum", "natural", None), ("news", "manual", "autumn"), (None, None, "spring")]
    with Store(tmp_path / "a.duckdb") as store:
        story = told(Story(), "a.org", lives)
        for number, link in enumerate(story.records["links"]):
            named = zip(("source_kind", "acquisition", "campaign_id"), kinds[number % 3], strict=True)
            link["attributes"] = json.dumps({name: value for name, value in named if value is not None})
        store.put(story, at(3_000))
        asks = ", groupings := ['source_kind', 'acquisition', 'campaign']"
        rows = asked(store, "link_survival", "a.org", 0, asks)
        halves = {
            (row["grouping"], row["link_group"]): row
            for row in asked(store, "link_half_life", "a.org", 0, asks)
        }
        wanted: dict[tuple[str, str], Lives] = {}
        for number, life in enumerate(lives):
            kind, acquisition, campaign = kinds[number % 3]
            wanted.setdefault(("source_kind", kind or "unknown"), []).append(life)
            # A link of a campaign was agreed on.
            wanted.setdefault(("acquisition", acquisition or "manual"), []).append(life)
            if campaign is not None:
                wanted.setdefault(("campaign", campaign), []).append(life)
        assert halves.keys() == wanted.keys()
        for (grouping, name), of in wanted.items():
            steps = curve(followed(of, 0, 3_000))
            found = [row for row in rows if (row["grouping"], row["link_group"]) == (grouping, name)]
            assert [(row["at_risk"], row["lost"]) for row in found] == [
                (one.at_risk, one.lost) for one in steps
            ]
            assert [row["survival"] for row in found] == pytest.approx(
                [float(one.survival or 0) for one in steps]
            )
            assert halves[grouping, name]["lives"] == len(of)


def test_kinds_cost_nothing_unless_asked_for_and_other_groupings_are_refused(reference: Store) -> None:
    def plan(more: str) -> str:
        return str(store.all(f"EXPLAIN FROM link_survival('d0.org'{more})")[0][1])

    store = reference
    assert "source_domains" not in plan("")
    assert "source_domains" in plan(", groupings := ['source_kind']")
    with pytest.raises(
        duckdb.Error, match=r"groupings is \[colour\]; wanted some of all, follow, source_kind"
    ):
        store.all("FROM link_survival('nobody.org', groupings := ['colour'])")
    once, twice = (
        store.all(f"FROM link_survival('d0.org', groupings := {names})")
        for names in (["all"], ["all", "all"])
    )
    assert once == twice != []


def put_export(store: Store, story: Story, topic: str, clock: datetime) -> None:
    """Store rows whose events came from an export of a vendor: its partition is that of the offsets."""
    partition = Partition("file", topic, "hash", 0)
    source_id = store.writer.source_id_of(partition)
    for event in story.records.get("link_events", []):
        event["source_id"] = source_id
    advance = Advance(partition, source_id, None, 99, 3, 5, 1, None)
    store.writer.commit(replace(store.batch(story, clock), advances=[advance]))


def test_what_an_export_tells_is_followed_from_the_export_on(tmp_path: Path) -> None:
    exported = 2_000
    lives = [(0, 2_500), (100, 3_000), (200, None), (300, None), (400, 1_500)]
    own = [(1_900, 2_100), (2_200, 4_000), (2_300, None), (100, 2_400)]
    with Store(tmp_path / "a.duckdb") as store:
        story = told(Story(), "a.org", lives)
        for number, (started, _) in enumerate(lives, start=1):
            story.event(number, 1, at(started), off=3 * number)
        put_export(
            store,
            story,
            f"ahrefs/sample/a.org/{at(exported).replace(tzinfo=None).isoformat()}Z",
            at(exported),
        )
        store.put(told(Story(), "a.org", own, first=100), at(5_000))
        truth = [
            *(life for life in followed(lives, exported, 5_000)),
            *(life for life in followed(own, 0, 5_000)),
        ]
        # The one lost before the export says nothing.
        assert len(truth) == len(lives) + len(own) - 1
        rows = [row for row in asked(store, "link_survival", "a.org", 0) if row["link_group"] == "all"]
        steps = curve(truth)
        assert [row["age_days"] * DAY for row in rows] == pytest.approx([step.age for step in steps])
        assert [(row["at_risk"], row["lost"]) for row in rows] == [
            (step.at_risk, step.lost) for step in steps
        ]
        half = asked(store, "link_half_life", "a.org", 0)[0]
        assert (half["lives"], half["entered_late"]) == (len(truth), 4)
        wanted = half_life(truth)
        assert half["half_life_days"] == (None if wanted is None else pytest.approx(wanted / DAY))


def test_authority_at_risk_is_what_goes_if_all_links_of_a_domain_go(tmp_path: Path) -> None:
    lives = [
        (hours, hours + 700 + 97 * hours % 3_000 if hours % 3 else None) for hours in range(0, 4_000, 61)
    ]
    lives = [(started, lost if lost is None or lost <= 9_000 else None) for started, lost in lives]
    parts = {f"s{number}.com": 0.1 * (number + 1) for number in range(7)}
    with Store(tmp_path / "a.duckdb") as store:
        story = told(Story(), "a.org", lives).domains("a.org", *parts)
        scored = {"domain_key": domain_key("a.org"), "scored_at": at(9_000)}
        story.add("domain_scores", citation=5.0, authority=19.0, trust_mass=0.0, trust=0.0, **scored)
        story.add(
            "authority_contributions", source_dom_key=None, contribution=0.0, links=0, prior=0.15, **scored
        )
        for name, contribution in parts.items():
            story.add(
                "authority_contributions", source_dom_key=domain_key(name), contribution=contribution,
                source_citation=1.0, weight=1.0, out_weight=2.0, links=1, **scored
            )  # fmt: skip
        store.put(story, at(9_000))
        total, *rows = asked(store, "value_at_risk", "a.org", 0, ", horizon_days := 30")
        truth = followed(lives, 0, 9_000)
        wanted: dict[str, float] = {}
        for number, (started, lost) in enumerate(lives, start=1):
            if lost is None:
                chance = loss_chance(truth, 9_000 - started, 9_000 - started + 30 * DAY)
                name = sources_of(number, 7)
                if chance is None or (name in wanted and wanted[name] < 0):
                    wanted[name] = -1
                else:
                    wanted[name] = wanted.get(name, parts[name]) * float(chance)
        known = {name: value for name, value in wanted.items() if value >= 0}
        assert {row["source_domain"]: row["citation_at_risk"] for row in rows} == {
            name: pytest.approx(known[name], abs=1e-12) if name in known else None for name in wanted
        }
        if known:
            assert total["citation_at_risk"] == pytest.approx(sum(known.values()))
        assert total["evaluated_share"] == (
            pytest.approx(sum(parts[name] for name in known) / sum(parts[name] for name in wanted))
            if known
            else None
        )
