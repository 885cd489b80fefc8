"""Where alerts meet the store: judged in the transaction of their batch, told once it is stored."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from linktide import alert_turns
from linktide.alert_gauges import tell_alerts, tell_domains, tell_profile
from linktide.alert_news import BatchNews, has_gaps, offsets_of
from linktide.alerts.book import AlertBook
from linktide.alerts.catalogue import BY_NAME
from linktide.alerts.change import Change
from linktide.alerts.facts import WEEK_HOURS, ServiceFacts
from linktide.alerts.history import past_spikes
from linktide.alerts.notice import notices_of
from linktide.alerts.rule import Finding
from linktide.alerts.service_rules import INDEX_WIDE_SHIFT
from linktide.alerts.velocity import DAY_HOURS, HOUR_US, KEPT_HOURS, DomainHours
from linktide.store import alert_rows
from linktide.store.link_evidence import SHOWN_ROWS, tell_more

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from linktide.alert_watch import AlertWatch
    from linktide.alerts.facts import ProfileFacts
    from linktide.index import LinkIndex, Rows
    from linktide.metrics.values import Metrics
    from linktide.store.writer import Advance, StoreWriter

_DAY_US: Final = DAY_HOURS * HOUR_US
_KEPT_SCORE_HOURS: Final = WEEK_HOURS + 72
_TELL_SECONDS: Final = 1.0
_MOMENTS: Final = {"lost": "ImportantLinkLost", "unfollowed": "FollowFlipped"}


@dataclass(slots=True)
class AlertDesk:
    """Judges batches and the service, and tells metrics and the webhook of what was stored."""

    metrics: Metrics
    tracked: Sequence[tuple[str, str]]
    """(domain, role) of those with alerts of their own."""
    watch: AlertWatch
    """Gathers what is known of the service itself."""
    has_webhook: bool = False
    judges_views: bool = True
    """Whether what views say is judged at all, now or by a service that runs later."""
    on_notice: Callable[[], None] = lambda: None
    """Called once calls are stored that wait to be made."""
    _book: AlertBook = field(init=False)
    _hour: int | None = None
    """The newest hour that was judged."""
    _begun_us: int | None = None
    """Event time at which a session began, until what nobody judges any more is ended."""
    _changes: list[Change] = field(default_factory=list)
    """Of the transaction under way."""
    _moved: set[str] | None = field(default_factory=set)
    """Domains with other figures since they were told; None: all."""
    _told_at: float = float("-inf")
    _struck: deque[str] = field(default_factory=deque)
    _held: set[str] = field(default_factory=set)
    """Domains with losses that time alone decided, told while catching up: judged once that is over."""
    _waiting: int = 0
    """Calls that wait."""

    def __post_init__(self) -> None:
        """Make every series there can be, at 0."""
        self._book = AlertBook(self.tracked, self.judges_views)
        tell_alerts(self.metrics, self._book)
        tell_domains(self.metrics, self._book, self._hour or 0, None)
        for rule in BY_NAME.values():
            self.metrics.set("linktide_alerts_total", 0.0, rule.name, rule.severity)

    # --- the work thread -----------------------------------------------------------------------------------

    def begin(self, connection: DuckDBPyConnection, clock_us: int | None) -> None:
        """Hear that a session begins: what was judged by then is read from the tables."""
        book = AlertBook(self.tracked, self.judges_views)
        names = {name for name, _ in self.tracked}
        for name, hour, counts in alert_rows.read_hours(connection):
            if name in names:
                book.hours.setdefault(name, DomainHours()).add(hour, counts)
        for name, hour, authority in alert_rows.read_scores(connection):
            if name in names:
                book.scores.setdefault(name, {})[hour] = authority
        book.restore(Change(**fields) for fields in alert_rows.read_open(connection))
        self._book, self._hour, self._changes, self._moved = book, None, [], set()
        self._held = alert_rows.read_held(connection)
        self._waiting = alert_rows.count_waiting(connection)
        self.metrics.set("linktide_alert_notices_waiting", self._waiting)
        self._begun_us = clock_us
        if clock_us is not None:
            self._hour = clock_us // HOUR_US
        tell_alerts(self.metrics, self._book)
        tell_domains(self.metrics, self._book, self._hour or 0, None)
        self.on_notice()

    def taken(
        self, rows: Rows, index: LinkIndex, advances: Sequence[Advance], *, is_catching_up: bool
    ) -> BatchNews:
        """Note what a batch tells, as the index leaves it."""
        self.watch.arrived(one.partition for one in advances if one.events or one.dead_letters)
        turns = alert_turns.turns_of(rows.turns)
        scores = {}
        if rows.clock_us is not None and rows.clock_us // HOUR_US != self._hour:
            names = [name for name, _ in self.tracked]
            numbers = index.domain_numbers(names)
            scores = {
                name: one.authority
                for name, one in zip(names, numbers, strict=True)
                if one is not None and one.authority is not None
            }
        may_be_held = is_catching_up and turns.num_rows
        timed = alert_turns.timed_losses(rows.tables.get("life_changes") if may_be_held else None)
        hours = alert_turns.counted(rows.hours)
        return BatchNews(rows.clock_us, turns, scores, advances, hours, is_catching_up, timed)

    def past(self, rows: Rows) -> Callable[[DuckDBPyConnection, datetime], None]:
        """Return what judges records that were stored long after they came: they are told as history."""
        return partial(self._judge_past, alert_turns.turns_of(rows.turns, is_past=True))

    def judge(self, news: BatchNews, connection: DuckDBPyConnection, noted_at: datetime) -> None:
        """Judge a batch in its own transaction, when its rows are in the tables."""
        clock_us = news.clock_us
        if clock_us is None:
            return
        hour = clock_us // HOUR_US
        is_new_hour = hour != self._hour
        if not (news.turns.num_rows or is_new_hour or self._held or has_gaps(news.advances)):
            return
        is_new_day = self._hour is not None and hour // DAY_HOURS != self._hour // DAY_HOURS
        touched = self._count(news.hours, hour, connection, is_new_day=is_new_day)
        if is_new_hour and news.scores:
            self._keep_scores(news.scores, hour, connection, is_new_day=is_new_day)
        self._hour = hour
        self._moved = None if is_new_hour or self._moved is None else self._moved | touched
        touched |= alert_turns.names_in(news.turns) | self._held
        turns = self._release(news, connection)
        waiting = set(self._held)
        offsets = offsets_of(news.advances)
        changes = self._moments(turns, connection, offsets)
        if touched or is_new_hour:
            changes += self._with_sources(
                self._book.judge_domains(clock_us, None if is_new_hour else touched, offsets, waiting),
                connection,
            )
            own = sum(role == "own" for _, role in self.tracked)
            facts = ServiceFacts(tracked=own, tracked_in_spike=self._book.in_spike())
            changes += self._book.judge_service(facts, [INDEX_WIDE_SHIFT], clock_us)
        changes += self._gaps(news.advances, clock_us, offsets)
        self._store(connection, changes, noted_at)

    def stored(self) -> None:
        """Hear that what was judged last is stored."""
        changes, self._changes = self._changes, []
        self._tell_domains()
        self.metrics.set("linktide_alert_notices_waiting", self._waiting)
        if not changes:
            return
        for change in changes:
            if change.ended_us is None and change.is_loud:
                self.metrics.add("linktide_alerts_total", 1, change.alert, change.severity)
        tell_alerts(self.metrics, self._book, {(change.alert, change.domain_name) for change in changes})
        self.on_notice()

    def _tell_domains(self) -> None:
        """Tell the figures of the domains that moved, once a second at most: scrapes are rarer."""
        now = self.watch.monotonic()
        if now - self._told_at >= _TELL_SECONDS and (self._moved is None or self._moved):
            tell_domains(self.metrics, self._book, self._hour or 0, self._moved)
            self._moved, self._told_at = set(), now

    def tick(self, writer: StoreWriter, profiles: Sequence[ProfileFacts] = ()) -> None:
        """Judge the service itself and what views say of domains, and strike off calls that were answered.

        Between two batches.

        Raises what a transaction does.
        """
        struck = self._take_struck()
        self._tell_domains()
        facts = self.watch.look()
        changes = (
            [] if facts is None else self._book.judge_service(facts, self.watch.rules, self.watch.now_us())
        )
        if self._begun_us is not None:
            changes += self._book.end_unknown(self._begun_us)
            self._begun_us = None
        for profile in profiles:
            tell_profile(self.metrics, profile)
            changes += self._book.judge_profile(profile)
        changes = self._book.explain(changes)
        if not changes and not struck:
            return
        with writer.transaction("store alerts"):
            noted_at = writer.now()
            alert_rows.strike_notices(writer.database.connection, struck, noted_at)
            self._waiting = alert_rows.count_waiting(writer.database.connection)
            self._store(writer.database.connection, changes, noted_at)
        self.stored()

    def strike(self, writer: StoreWriter) -> None:
        """Strike off calls that were answered, at the end of a session. Raises what a transaction does."""
        struck = self._take_struck()
        if struck:
            with writer.transaction("strike off calls"):
                alert_rows.strike_notices(writer.database.connection, struck, writer.now())

    # --- any thread ----------------------------------------------------------------------------------------

    def answered(self, notice_id: str) -> None:
        """Hear that a call was answered."""
        self._struck.append(notice_id)

    @property
    def has_struck(self) -> bool:
        """Whether answered calls wait to be struck off."""
        return bool(self._struck)

    # --- inside --------------------------------------------------------------------------------------------

    def _take_struck(self) -> list[str]:
        return [self._struck.popleft() for _ in range(len(self._struck))]

    def _count(
        self,
        counted: Mapping[tuple[str, int], Sequence[int]],
        hour: int,
        connection: DuckDBPyConnection,
        *,
        is_new_day: bool,
    ) -> set[str]:
        oldest = hour - KEPT_HOURS
        alert_rows.add_hours(connection, counted, oldest if is_new_day else None)
        for (name, at), counts in counted.items():
            self._book.hours.setdefault(name, DomainHours()).add(at, counts)
        if is_new_day:
            for hours in self._book.hours.values():
                hours.drop_before(oldest)
        return {name for name, _ in counted}

    def _keep_scores(
        self, scores: Mapping[str, float], hour: int, connection: DuckDBPyConnection, *, is_new_day: bool
    ) -> None:
        oldest = hour - _KEPT_SCORE_HOURS
        alert_rows.put_scores(connection, hour, scores, oldest if is_new_day else None)
        for name, authority in scores.items():
            kept = self._book.scores.setdefault(name, {})
            kept[hour] = authority
            if is_new_day:
                for old in [one for one in kept if one < oldest]:
                    del kept[old]

    def _release(self, news: BatchNews, connection: DuckDBPyConnection) -> pa.Table:
        """Return the turns to judge: while catching up without those held back, then with them."""
        turns, held = alert_turns.split(news.turns, news.timed)
        if held.num_rows:
            alert_rows.hold(connection, held)
            self._held |= alert_turns.names_in(held)
        if not news.is_catching_up and self._held:
            turns = pa.concat_tables([turns, alert_rows.release(connection).cast(alert_turns.SCHEMA)])
            self._held = set()
        return turns

    def _moments(
        self, turns: pa.Table, connection: DuckDBPyConnection, offsets: Sequence[Mapping[str, object]]
    ) -> list[Change]:
        """Return alerts of single links, and of the past what would have been a spike."""
        own = [name for name, role in self.tracked if role == "own"]
        told = list(alert_turns.moments(turns, pa.array(own, pa.string())))
        said_at = {link: at for one in told for link, at in one.said_at.items()}
        tell_more(connection, [row for one in told for row in one.rows[:SHOWN_ROWS]], said_at)
        changes = [self._moment_of(one, offsets) for one in told]
        changes += self._past_spikes(turns, connection, offsets)
        # What was told before is not told again: history may come twice, by another feed.
        past = [one.alert_id for one in changes if one.is_historical]
        known = alert_rows.known_ids(connection, past)
        return [one for one in changes if one.alert_id not in known]

    def _moment_of(self, moment: alert_turns.Moment, offsets: Sequence[Mapping[str, object]]) -> Change:
        best = moment.rows[0]
        word = "lost" if moment.change == "lost" else "not followed any more"
        others = len(moment.rows) - 1
        more = f" and {others} more" if others else ""
        return self._book.begin_moment(
            _MOMENTS[moment.change],
            moment.domain_name,
            at_us=moment.at_us[best["link_id"]],
            mark=best["link_id"],
            finding=Finding(f"{word}: the link from {best['source_url']}{more}", moment.rows[:SHOWN_ROWS]),
            offsets=offsets,
            is_historical=not moment.is_recent,
        )

    def _past_spikes(
        self, turns: pa.Table, connection: DuckDBPyConnection, offsets: Sequence[Mapping[str, object]]
    ) -> list[Change]:
        changes = []
        for name, days in alert_turns.past_days(turns).items():
            totals = alert_rows.day_totals(connection, name)
            for alert, day, finding in past_spikes(totals, days, dict(self.tracked)[name]):
                changes.append(
                    self._book.begin_moment(
                        alert,
                        name,
                        at_us=day * _DAY_US,
                        mark="past",
                        finding=finding,
                        offsets=offsets,
                        is_historical=True,
                    )
                )
        return changes

    def _judge_past(self, turns: pa.Table, connection: DuckDBPyConnection, noted_at: datetime) -> None:
        if turns.num_rows:
            self._store(connection, self._moments(turns, connection, ()), noted_at)

    def _with_sources(self, changes: list[Change], connection: DuckDBPyConnection) -> list[Change]:
        """Put the source domains behind a spike among its evidence."""
        told = []
        for change in changes:
            if (
                change.ended_us is None
                and change.domain_name is not None
                and change.alert.endswith(("Spike", "Surge"))
            ):
                sources = alert_rows.spike_sources(
                    connection,
                    change.domain_name,
                    change.started_us - _DAY_US,
                    is_loss=change.alert == "LinkLossSpike",
                )
                change = replace(change, evidence=[*change.evidence, *sources])  # noqa: PLW2901 - the same, fuller
                self._book.open[change.alert_id].change = change
            told.append(change)
        return told

    def _gaps(
        self, advances: Iterable[Advance], clock_us: int, offsets: Sequence[Mapping[str, object]]
    ) -> list[Change]:
        changes = []
        for one in advances:
            for jump in one.jumps:
                if jump.kind == "begun":
                    continue
                row = {
                    "source": str(one.partition),
                    "kind": jump.kind,
                    "left_offset": jump.left_offset,
                    "resumed_offset": jump.resumed_offset,
                }
                finding = Finding(
                    f"{one.partition} goes on at {jump.resumed_offset}, not {jump.left_offset}", [row]
                )
                mark = f"{one.source_id}-{jump.left_offset}"
                changes.append(
                    self._book.begin_moment(
                        "SourceGap", None, at_us=clock_us, mark=mark, finding=finding, offsets=offsets
                    )
                )
        return changes

    def _store(self, connection: DuckDBPyConnection, changes: list[Change], noted_at: datetime) -> None:
        changes = self._book.explain(changes)
        if not changes:
            return
        alert_rows.append_changes(connection, changes, noted_at)
        if self.has_webhook:
            alert_rows.add_notices(connection, notices_of(changes), noted_at)
            self._waiting = alert_rows.count_waiting(connection)
        self._changes += changes
