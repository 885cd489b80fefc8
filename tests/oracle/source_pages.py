"""What pages told last of themselves: a walk over all they ever answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracle.events import PAGE_ERROR
from oracle.page_events import PageEvent, TargetEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oracle.page_events import AnyEvent

FIELDS = (
    *("title", "language", "generator", "source_kind", "links_external", "words", "noindex", "ip_source"),
)
"""Those that describe a page."""
NO_ANSWER = frozenset({"notfound", "pageredirected", PAGE_ERROR})


def said(event: AnyEvent) -> tuple[str, Mapping[str, object]] | None:
    """Return the URL of a page and what it says of itself; None: this is no answer, or an error."""
    if isinstance(event, PageEvent) and event.answer[0] not in NO_ANSWER:
        return event.source_url, dict(event.fields) | ({"noindex": "true"} if event.is_noindex else {})
    if isinstance(event, TargetEvent) and (event.http_code is None or 200 <= event.http_code <= 299):
        return event.target_url, event.fields
    return None


def told_by_pages(events: Iterable[AnyEvent]) -> dict[str, dict[str, str]]:
    """Return what each page told last, field by field; of one instant the greatest by bytes."""
    newest: dict[str, dict[str, tuple[int, bytes]]] = {}
    for event in events:
        if (answer := said(event)) is None:
            continue
        url, fields = answer
        for name in FIELDS:
            if text := str(fields.get(name, "")):
                of = newest.setdefault(url, {})
                of[name] = max((event.observed_at, text.encode()), of.get(name, (event.observed_at, b"")))
    return {url: {name: text.decode() for name, (_, text) in of.items()} for url, of in newest.items()}
