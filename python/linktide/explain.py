"""Why the authority of a domain changed, and what would change it: the domain graph of an instant, anew.

The graph is built from the lives of links and solved exactly, beside the writer and without its index: what
it says of now is the exact solution that the index is within its bound of, and what it says of the past does
not depend on when the events arrived. See docs/authority.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from linktide.errors import ExitCode, LinktideError
from linktide.index import DomainWeb
from linktide.json_rows import iso_utc, json_rows
from linktide.setting import parse_domain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linktide._core import SolvedWeb, Standing
    from linktide.index import IndexOptions, LinkIndex
    from linktide.store.asof import Published, StoredPast

TOO_SMALL: Final = "graph too small"
# A single label and an address are domains of their own in the index, though no setting may name them.
_OWN_DOMAIN: Final = re.compile(r"[a-z0-9_-]{1,63}|[0-9.]{7,15}|\[[0-9a-f:.]{2,45}\]", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class CannotExplainError(LinktideError):
    """What was asked has no answer."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer: what it says as a whole, and its rows."""

    facts: Mapping[str, object]
    rows: pa.Table
    left_out: int
    """Rows that a limit left out; the sums count them all."""

    def told(self) -> dict[str, object]:
        """Return all of it as JSON values: the facts, `left_out` and `rows`."""
        names = self.rows.column_names
        rows = [dict(zip(names, row, strict=True)) for row in json_rows(self.rows)]
        return {**self.facts, "left_out": self.left_out, "rows": rows}


def instant_us(text: str) -> int:
    """Return Unix µs of an ISO 8601 date or time; without an offset it is UTC. CannotExplainError if none."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise CannotExplainError(
            f"{text[:80]!r} is no time; wanted ISO 8601 such as 2026-11-20 or 2026-11-20T08:00:00Z."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def domain_of(text: str) -> str:
    """Return a domain as the index names it; raises CannotExplainError if it can be none."""
    plain = text.strip().lower()
    if _OWN_DOMAIN.fullmatch(plain):
        return plain
    try:
        return parse_domain(text)
    except ValueError:
        raise CannotExplainError(f"{text[:80]!r} is no domain; wanted one such as example.org.") from None


def explain(  # noqa: PLR0913 - a domain, two times, a limit, and where to read
    past: StoredPast,
    options: IndexOptions,
    domain_name: str,
    *,
    from_us: int,
    to_us: int | None,
    limit: int = 0,
) -> Explanation:
    """Split the change of a domain's citation between two instants of event time into parts that add up.

    `to_us` None: the greatest event time stored. `limit` rows at most, the largest first; 0: all. Two solves
    of the domain graph, one after the other; each holds 24 B for every followed link between domains.
    Raises CannotExplainError for an unknown domain or an instant out of order.
    """
    domain_name = domain_of(domain_name)
    with past.held():
        from_us, to_us = _instants(past.clock_us(), from_us, to_us)
        before_web, before = _standing(past, options, domain_name, from_us)
        is_shown = _is_shown(before_web, options)
        del before_web
        after_web, after = _standing(past, options, domain_name, to_us)
        is_shown = is_shown and _is_shown(after_web, options)
        del after_web
        published = (past.published(domain_name, from_us), past.published(domain_name, to_us))
    change = before.change_to(after)
    rows = pa.Table.from_batches([pa.record_batch(change.rows())])
    sums = change.parts()
    parts = {name: sums[name] for name in rows.column_names if name in sums}
    numbers = change.numbers()
    facts: dict[str, object] = {
        "domain_name": domain_name,
        "from_at": _iso(from_us),
        "to_at": _iso(to_us),
        **_ends(numbers, is_shown=is_shown),
        "change": numbers["change"],
        "parts": parts,
        "residual": numbers["change"] - sum(parts.values()),
        "links_before": int(numbers["links_before"]),
        "links_after": int(numbers["links_after"]),
        "published_before": _published(published[0], numbers["points_before"], is_shown=is_shown),
        "published_after": _published(published[1], numbers["points_after"], is_shown=is_shown),
    }
    return _limited(facts, rows, limit)


def what_if(
    past: StoredPast,
    options: IndexOptions,
    domain_name: str,
    gained: Sequence[str],
    lost: Sequence[str],
) -> Explanation:
    """Tell what the domain would have if it gained and lost the links of these domains, now.

    Exactly, by a solve of the changed graph, and to first order, as the SQL macro tells it. Raises
    CannotExplainError if the domain is unknown or the lists cannot be.
    """
    domain_name = domain_of(domain_name)
    gained, lost = ([domain_of(name) for name in names] for names in (gained, lost))
    if not (gained or lost):
        raise CannotExplainError("no domain is named that gains or loses a link; name one at least.")
    with past.held():
        clock_us = past.clock_us()
        if clock_us is None:
            raise CannotExplainError("the database holds no event yet.")
        web = _solved(past, options, clock_us)
        published = past.published(domain_name, clock_us)
    try:
        answer = web.what_if(domain_name, gained, lost)
    except ValueError as error:
        raise CannotExplainError(str(error)) from error
    is_shown = _is_shown(web, options)
    numbers = answer.numbers()
    facts: dict[str, object] = {
        "domain_name": domain_name,
        "at": _iso(clock_us),
        **_ends(numbers, is_shown=is_shown),
        "change": numbers["change"],
        "first_order": numbers["first_order"],
        "points_first_order": numbers["points_first_order"] if is_shown else None,
        "first_order_error": numbers["error"],
        "first_order_error_bound": numbers["error_bound"],
        "published_before": _published(published, numbers["points_before"], is_shown=is_shown),
    }
    return Explanation(facts, pa.Table.from_batches([pa.record_batch(answer.rows())]), 0)


def audit_told(index: LinkIndex) -> dict[str, object]:
    """Return `vectors`: one object each, the true error beside what is promised, by one exact solve."""
    rows = pa.Table.from_batches([index.audit()])
    names = rows.column_names
    return {"vectors": [dict(zip(names, row, strict=True)) for row in json_rows(rows)]}


def _solved(past: StoredPast, options: IndexOptions, at_us: int) -> SolvedWeb:
    web = DomainWeb(options.seed, options.rel_weights)
    for rows in past.domain_names():
        web.take_domains(rows)
    for rows in options.seeds.priors:
        web.take_priors(rows)
    for rows in past.live_links(at_us):
        web.take_links(rows)
    return web.solve()


def _standing(
    past: StoredPast, options: IndexOptions, domain_name: str, at_us: int
) -> tuple[SolvedWeb, Standing]:
    web = _solved(past, options, at_us)
    standing = web.standing(domain_name)
    if standing is None:
        raise CannotExplainError(
            f"the domain {domain_name!r} is a side of no link; give a registrable domain that is."
        )
    return web, standing


def _instants(clock_us: int | None, from_us: int, to_us: int | None) -> tuple[int, int]:
    if clock_us is None:
        raise CannotExplainError("the database holds no event yet.")
    to_us = clock_us if to_us is None else to_us
    if to_us > clock_us:
        raise CannotExplainError(
            f"{_iso(to_us)} is later than the newest event, of {_iso(clock_us)}; nothing is known of it yet."
        )
    if from_us > to_us:
        raise CannotExplainError(f"{_iso(from_us)} is later than {_iso(to_us)}; from must not be after to.")
    return from_us, to_us


def _is_shown(web: SolvedWeb, options: IndexOptions) -> bool:
    """Tell whether scores over this graph mean enough to be shown; the rule of the index."""
    has_priors = any(rows.num_rows for rows in options.seeds.priors)
    return has_priors or web.linked_sources >= options.authority_min_domains


def _ends(numbers: Mapping[str, float], *, is_shown: bool) -> dict[str, object]:
    return {
        "citation_before": numbers["citation_before"],
        "citation_after": numbers["citation_after"],
        "points_before": numbers["points_before"] if is_shown else None,
        "points_after": numbers["points_after"] if is_shown else None,
        "note": None if is_shown else TOO_SMALL,
    }


def _published(told: Published, exact_points: float, *, is_shown: bool) -> dict[str, object]:
    return {
        "citation": told.citation,
        "points": told.points if is_shown else None,
        "scored_at": None if told.scored_at_us is None else _iso(told.scored_at_us),
        "gap_points": told.points - exact_points if is_shown else None,
    }


def _limited(facts: dict[str, object], rows: pa.Table, limit: int) -> Explanation:
    """Cut the rows; what is left out stays as one fact, so that the rest still adds up."""
    if limit <= 0 or rows.num_rows <= limit:
        return Explanation(facts | {"others": 0.0}, rows, 0)
    others = pc.sum(rows["change"].slice(limit)).as_py()
    return Explanation(facts | {"others": others}, rows.slice(0, limit), rows.num_rows - limit)


def _iso(at_us: int) -> str:
    return iso_utc(_EPOCH + timedelta(microseconds=at_us))
