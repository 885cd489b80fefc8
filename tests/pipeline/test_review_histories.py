"""The file for Google equals the brute force on generated histories; what was said outlives a rekey."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from linktide.config import load
from linktide.mine.reviews import STATES
from linktide.offline import review_stopped
from oracle.events import Event, Kind, Origin
from oracle.histories import BASE_US, PAGES, RECORD_AT_US, histories
from oracle.live_links import live_external
from oracle.model import State, derive
from pipeline import whole
from pipeline.arrivals import arrivals, move
from pipeline.test_rekey import AFTER, BEFORE, rekey
from pipeline.test_scores import chunks_of

SITES = {url.replace(domain, f"h0{domain}"): f"h0{domain}" for url, domain in PAGES}
"""As `move` writes them."""
HELD = "SELECT subject, state, note FROM review_history ORDER BY review_number"


def say(path: Path, *reviews: dict[str, str]) -> None:
    config = load(flags={"database": path}, environ={}, folder=path.parent)
    review_stopped(config, {"reviews": list(reviews), "noted_by": "me"})


def brute(state: State, held: dict[str, str], target: str) -> list[tuple[str, int]]:
    """Return (line, live links) of what is reviewed as disavow and links to a domain."""
    links = [link for link in live_external(state) if link.target_domain == target]
    found = []
    for subject, word in held.items():
        is_url = "/" in subject
        sides = [link.source_url if is_url else link.source_domain for link in links]
        if word == "disavow" and subject in sides:
            found.append((is_url, subject, sides.count(subject)))
    return [(name if is_url else f"domain:{name}", count) for is_url, name, count in sorted(found)]


@examples(5)
@given(st.data())
def test_the_file_has_just_what_is_said_so_and_links(data: st.DataObject) -> None:
    arrival = data.draw(arrivals(move(data.draw(histories(max_events=40)), 0)))
    chance = random.Random(data.draw(st.integers(0, 100_000)))
    subjects = sorted({*SITES, *SITES.values()})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "links.duckdb"
        arrival.run(path)
        held: dict[str, str] = {}
        for _ in range(3):
            said = {one: chance.choice(("disavow", "disavow", *STATES)) for one in chance.sample(subjects, 6)}
            held |= said
            say(path, *({"subject": one, "state": word} for one, word in said.items()))
        state = derive(arrival.events)
        with whole.opened(path) as stopped:
            for target in sorted(set(SITES.values())):
                rows = stopped.query(f"SELECT line, backlinks FROM disavow_export('{target}')")  # noqa: S608
                assert rows == brute(state, held, target)


def test_what_was_said_outlives_a_rekey_and_follows_no_host(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    sources = (("https://one.blog.com/", "blog.com"), ("https://kept.wild.com/x", "wild.com"))
    events = [
        Event(
            Kind.DISCOVERED, BASE_US, url, "https://mine.com/", domain, "mine.com",
            Origin("memory", "links", 0, number), RECORD_AT_US,
        )
        for number, (url, domain) in enumerate(sources)
    ]  # fmt: skip
    whole.run(
        path,
        [whole.memory_of(chunks_of(events, 10))],
        public_suffix_list=BEFORE.write(path.with_suffix(".dat")),
    )
    page = "https://kept.wild.com/x"
    say(path, {"subject": "blog.com", "state": "disavow", "note": "n"}, {"subject": page, "state": "disavow"})
    held = [("blog.com", "disavow", "n"), (page, "disavow", None)]
    export = "SELECT line FROM disavow_export('mine.com')"
    with whole.opened(path) as stopped:
        assert stopped.query(export) == [("domain:blog.com",), (page,)]
    rekey(path, AFTER)
    with whole.opened(path) as stopped:
        assert stopped.query(HELD) == held
        # Its links are of one.blog.com now, of which nobody said anything.
        assert stopped.query(export) == [(page,)]
    say(path, {"subject": "one.blog.com", "state": "disavow"})
    with whole.opened(path) as stopped:
        assert stopped.query(export) == [("domain:one.blog.com",), (page,)]
