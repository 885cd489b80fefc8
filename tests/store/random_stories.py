"""Batches of random rows for the store: new links, and changes of old ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hand_made_store import Story, day, domain_key

if TYPE_CHECKING:
    import random

DOMAINS = ("a.com", "b.com", "c.org", "d.net")


def any_story(chance: random.Random, known: dict[int, tuple[str, str]], size: int) -> Story:
    """Tell of some new links, and change what is known of old ones, void rows among it."""
    story = Story(sides=dict(known))
    for _ in range(size):
        source, target = chance.choice(DOMAINS), chance.choice(DOMAINS)
        link = len(story.sides) + 1
        seen_at = day(chance.randrange(4)) if chance.random() < 0.5 else None
        story.link(
            link, f"{source}/{link}", f"{target}/{chance.randrange(3)}", anchor=f"anchor {link}", rel="",
            attributes_at=day(link % 7), seen_at=seen_at,
        )  # fmt: skip
    seen_once = {one["link_id"] for one in story.records.get("links", []) if one["seen_at"]}
    for link, (_, target) in story.sides.items():
        if link in seen_once:
            continue
        if chance.random() < 0.7:
            story.state(link, chance.randrange(4), started_at=day(1), last_seen=day(chance.randrange(9)))
        if chance.random() < 0.7:
            is_ended = chance.random() < 0.5
            end = day(20) if is_ended else None
            story.life(
                link, day(chance.randrange(4)), is_void=chance.random() < 0.3, confirmed_at=end, lost_at=end,
                lost_reason="notfound" if is_ended else None,
            )  # fmt: skip
        if chance.random() < 0.5:
            story.attribute(
                link, chance.choice(("anchor", "rel", "title")), day(chance.randrange(8)),
                f"value {chance.randrange(99)}", is_void=chance.random() < 0.4,
            )  # fmt: skip
        if chance.random() < 0.3:
            story.add("velocity_delta", t_dom_key=domain_key(target), hour=day(chance.randrange(3)),
                      new_links=chance.randrange(-1, 3), restored_links=0,
                      lost_links=chance.randrange(2))  # fmt: skip
        if chance.random() < 0.3:
            score = chance.random()
            key = domain_key(target)
            story.records.setdefault("domain_scores", [])
            if all(one["domain_key"] != key for one in story.records["domain_scores"]):
                story.add("domain_scores", domain_key=key, citation=score, authority=score, scored_at=day(2))
    met = {name for sides in story.sides.values() for name in sides}
    before = {name for sides in known.values() for name in sides}
    return story.domains(*sorted(met - before))


def told_in_rows(story: Story) -> Story:
    """Return the same with rows of their own for what wide rows say of links that were seen once."""
    other = Story(
        {name: [*rows] for name, rows in story.records.items()}, dict(story.sides), set(story.named)
    )
    other.records["links"] = [row | {"seen_at": None} for row in story.records.get("links", [])]
    for row in story.records.get("links", []):
        if row["seen_at"] is not None:
            other.state(row["link_id"], 1, started_at=row["seen_at"], last_seen=row["seen_at"])
            other.life(row["link_id"], row["seen_at"])
    return other
