"""The oracle on real data, and the figures its specification states of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from oracle.corpora import (
    FPB_FILE,
    PAGE_HREFS_FILE,
    Identity,
    data_folder,
    fpb_lines,
    identified_events,
    page_href_lines,
    raw_events,
)
from oracle.graph import citation
from oracle.model import State, Status, derive
from oracle.registers import registers_of
from oracle.shown import Settings
from oracle.views import VIEWS

CHECKOUT = Path(__file__).resolve().parents[2]


def folder_with(name: str) -> Path:
    folder = data_folder(os.environ, CHECKOUT)
    if not (folder / name).exists():
        pytest.skip(f"{name} is not in {folder}; LINKTIDE_DATA names the folder of the test data")
    return folder


@pytest.fixture(scope="module")
def fpb() -> list[bytes]:
    return fpb_lines(folder_with(FPB_FILE))


@pytest.fixture(scope="module")
def fpb_state(fpb: list[bytes]) -> State:
    return derive(raw_events(fpb))


def test_fpb_has_the_live_pairs_that_the_design_states(fpb: list[bytes], fpb_state: State) -> None:
    assert len(fpb) == 45_612
    assert sum(link.is_live for link in fpb_state.links.values()) == 11_563


def test_fpb_in_file_order_differs_by_one_pair_of_one_second(fpb: list[bytes], fpb_state: State) -> None:
    live: set[tuple[str, str]] = set()
    for body in map(json.loads, fpb):
        pair = (body["source_url"], body["target_url"])
        (live.discard if body["event"] == "lost" else live.add)(pair)
    assert len(live) == 11_562
    (other,) = {pair for pair, link in fpb_state.links.items() if link.is_live} ^ live
    events = [event for event in raw_events(fpb) if event.pair == other]
    newest = max(event.observed_at for event in events)
    assert {event.is_sighting for event in events if event.observed_at == newest} == {True, False}


def test_fpb_agrees_with_the_registers(fpb: list[bytes], fpb_state: State) -> None:
    assert fpb_state.clock is not None
    by_registers = {pair: of.status(fpb_state.clock) for pair, of in registers_of(raw_events(fpb)).items()}
    assert by_registers == {pair: link.status for pair, link in fpb_state.links.items()}
    assert Status.SUSPECT not in by_registers.values()


def test_every_view_of_fpb_can_be_expected(fpb_state: State) -> None:
    for view in VIEWS:
        rows = view.rows(fpb_state, Settings())
        assert len({row[: view.key_length] for row in rows}) == len(rows), view.name


@pytest.mark.slow
def test_page_hrefs_become_sightings_of_usable_pages() -> None:
    lines = page_href_lines(folder_with(PAGE_HREFS_FILE))
    bodies = [json.loads(line) for line in lines]
    assert lines == page_href_lines(folder_with(PAGE_HREFS_FILE))
    assert {tuple(body) for body in bodies} == {("event", "observed_at", "source_url", "target_url")}
    pages = {body["source_url"] for body in bodies}
    assert len({body["observed_at"] for body in bodies}) == len(pages)
    assert all(page.lower().startswith(("http://", "https://")) for page in pages)
    absolute = [
        line for line, body in zip(lines, bodies, strict=True) if body["target_url"].startswith("http")
    ]
    scores = citation(derive(raw_events(absolute)))
    assert min(scores.values()) == pytest.approx(0.15)
    assert len(scores) > 5_000


def test_identities_come_from_the_caller() -> None:
    body = b'{"event": "lost", "observed_at": 1500, "source_url": "S", "target_url": "%s"}'
    lines = [body % name for name in (b"T", b"bad", b"T")]
    events, refused = identified_events(
        lines,
        lambda pairs: ["RELATIVE" if pair[1] == "bad" else Identity("s", "t", "ds", "dt") for pair in pairs],
    )
    assert [(event.pair, event.origin.offset, event.observed_at) for event in events] == [
        (("s", "t"), 0, 1_500_000),
        (("s", "t"), 2, 1_500_000),
    ]
    assert [(letter.origin.offset, letter.reason) for letter in refused] == [(1, "RELATIVE")]
