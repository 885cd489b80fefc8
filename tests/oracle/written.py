"""Events written by hand in a few letters, for tests with expected values."""

from __future__ import annotations

from oracle.events import HOUR_US, Event, Kind, Origin


def at(hours: float) -> int:
    """Return hours as µs."""
    return round(hours * HOUR_US)


def event(  # noqa: PLR0913
    text: str,
    number: int = 0,
    *,
    source: str = "https://a.com/",
    target: str = "https://b.org/",
    rel: str | None = None,
    anchor: str | None = None,
    link_type: str | None = None,
    attributes: dict[str, str] | None = None,
    is_loss_accepted: bool = True,
) -> Event:
    """Read "d0", "s1.5", "l5:reason"; the hours are since the epoch."""
    hours, _, reason = text[1:].partition(":")
    return Event(
        kind={"d": Kind.DISCOVERED, "s": Kind.SEEN, "l": Kind.LOST}[text[0]],
        observed_at=at(float(hours)),
        source_url=source,
        target_url=target,
        source_domain=source.split("/")[2],
        target_domain=target.split("/")[2],
        origin=Origin("memory", "links", 0, number),
        record_at=0,
        lost_reason=reason or None,
        rel=rel,
        anchor=anchor,
        link_type=link_type,
        attributes=attributes or {},
        is_loss_accepted=is_loss_accepted,
    )


def history(text: str) -> list[Event]:
    """Read events of one link, written with spaces between; offsets are their places."""
    return [event(word, number) for number, word in enumerate(text.split())]
