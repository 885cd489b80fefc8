"""Which alerts fire: what was found now against what was found before. Knows neither clock nor store."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from linktide.alerts.catalogue import BY_NAME, INHIBITS, RULES
from linktide.alerts.change import Change
from linktide.alerts.domain_rules import DOMAIN_RULES
from linktide.alerts.facts import DomainFacts
from linktide.alerts.profile_rules import PROFILE_RULES
from linktide.alerts.velocity import HOUR_US, DomainHours

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from linktide.alerts.facts import ProfileFacts, ServiceFacts
    from linktide.alerts.rule import Finding, Rule

MOMENT_US: Final = 24 * HOUR_US
"""How long a momentary alert fires."""
KEEP_DOMAIN_US: Final = HOUR_US
KEEP_SERVICE_US: Final = 60_000_000
"""How long it must be quiet until an alert ends."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Key = tuple[str, str | None]
"""(alert, domain)."""


@dataclass(slots=True)
class _Open:
    change: Change
    quiet_since: int | None = None
    last: Sequence[Mapping[str, object]] | None = None
    """What the last look found; None: what it began with, as after a restart."""


@dataclass(slots=True)
class AlertBook:
    """The alerts that fire, and what they are made of; used by one thread at a time."""

    tracked: Sequence[tuple[str, str]]
    """(domain, role)."""
    judges_views: bool = True
    """Whether what views say is judged at all, now or by a service that runs later."""
    hours: dict[str, DomainHours] = field(default_factory=dict)
    scores: dict[str, dict[int, float]] = field(default_factory=dict)
    open: dict[str, _Open] = field(default_factory=dict)
    """By alert_id."""

    def restore(self, changes: Iterable[Change]) -> None:
        """Take the alerts that fired when the store was left."""
        self.open = {one.alert_id: _Open(one) for one in changes}

    def facts(self, name: str, role: str, now: int) -> DomainFacts:
        """Return what rules look at, as of an hour since 1970."""
        hours = self.hours.setdefault(name, DomainHours())
        return DomainFacts(name, role, now, hours, self.scores.get(name, {}))

    def judge_domains(
        self,
        clock_us: int,
        touched: set[str] | None,
        offsets: Sequence[Mapping[str, object]],
        waiting: Container[str] = (),
    ) -> list[Change]:
        """Judge the touched tracked domains, or all, at an instant of event time.

        Losses of the `waiting` ones are not certain yet: no spike of these begins or ends.
        """
        now = clock_us // HOUR_US
        found: dict[Key, Finding | None] = {}
        for name, role in self.tracked:
            if touched is None or name in touched:
                facts = self.facts(name, role, now)
                for rule in DOMAIN_RULES:
                    if rule.judge is None or rule.role != role:
                        continue
                    if rule.name != "LinkLossSpike" or name not in waiting:
                        found[rule.name, name] = rule.judge(facts)
        changes = self._end_moments(clock_us)
        changes += self.end_unknown(clock_us)
        # Losses first: how many domains lose links at once decides what becomes of each.
        spikes = {key: one for key, one in found.items() if key[0] == "LinkLossSpike"}
        return changes + self.settle(spikes | found, clock_us, KEEP_DOMAIN_US, offsets)

    def judge_profile(self, facts: ProfileFacts) -> list[Change]:
        """Judge what views say of a tracked domain, at the event time when they were asked."""
        found: dict[Key, Finding | None] = {
            (rule.name, facts.name): rule.judge_profile(facts)
            for rule in PROFILE_RULES
            if rule.judge_profile is not None and rule.role == facts.role
        }
        changes = []
        for known in list(self.open.values()):
            finding = found.get((known.change.alert, known.change.domain_name))
            if finding is None:
                continue
            is_anew = BY_NAME[known.change.alert].is_anew
            last = known.change.evidence if known.last is None else known.last
            if is_anew is not None and is_anew(finding.evidence, last):
                changes.append(self._end(known, facts.clock_us))
            known.last = finding.evidence
        return changes + self.settle(found, facts.clock_us, 0, (), f"/{facts.asked_us}")

    def end_unknown(self, clock_us: int) -> list[Change]:
        """End what no rule judges any more: its rule or its domain is gone, or views are not judged."""
        keys = self.active().keys()
        gone = [one for one in self.open.values() if (one.change.alert, one.change.domain_name) not in keys]
        return [self._end(one, clock_us) for one in gone]

    def in_spike(self) -> int:
        """Return how many tracked domains are in a loss spike."""
        names = {one.change.domain_name for one in self.open.values() if one.change.alert == "LinkLossSpike"}
        return len(names)

    def judge_service(self, facts: ServiceFacts, rules: Iterable[Rule], now_us: int) -> list[Change]:
        """Judge rules of the service, at an instant of wall time."""
        found: dict[Key, Finding | None] = {
            (rule.name, None): rule.judge_service(facts) for rule in rules if rule.judge_service is not None
        }
        return self.settle(found, now_us, KEEP_SERVICE_US, ())

    def begin_moment(  # noqa: PLR0913 - all of it by name
        self,
        name: str,
        domain: str | None,
        *,
        at_us: int,
        mark: object,
        finding: Finding,
        offsets: Sequence[Mapping[str, object]],
        is_historical: bool = False,
    ) -> Change:
        """Return an alert that an event tells; `mark` sets it apart from others of its instant."""
        rule = BY_NAME[name]
        change = Change(
            f"{name}/{domain or 'service'}/{_iso(at_us)}/{mark}",
            name,
            domain,
            rule.severity,
            is_historical,
            at_us,
            at_us if is_historical else None,
            None,
            finding.summary,
            finding.evidence,
            offsets,
        )
        if not is_historical:
            self.open[change.alert_id] = _Open(change)
        return change

    def settle(
        self,
        found: Mapping[Key, Finding | None],
        now_us: int,
        keep_us: int,
        offsets: Sequence[Mapping[str, object]],
        mark: str = "",
    ) -> list[Change]:
        """Return what changes by what was found: alerts that begin, end, or are explained by another one.

        `mark` ends the ids of those that begin: it sets them apart where one may begin twice at an instant.
        """
        by_key = {(one.change.alert, one.change.domain_name): one for one in self.open.values()}
        changes: list[Change] = []
        for (name, domain), finding in found.items():
            known = by_key.get((name, domain))
            if finding is not None and known is None:
                changes.append(self._begin(BY_NAME[name], domain, finding, now_us, offsets, mark))
            elif finding is not None and known is not None:
                known.quiet_since = None
            elif known is not None:
                known.quiet_since = now_us if known.quiet_since is None else known.quiet_since
                if now_us - known.quiet_since >= keep_us:
                    changes.append(self._end(known, now_us))
        return changes

    def explain(self, changes: list[Change]) -> list[Change]:
        """Return changes as they are told: what another alert that fires explains says so."""
        firing = {one.change.alert for one in self.open.values()}
        told = []
        for change in changes:
            why = INHIBITS.get(change.alert)
            known = self.open.get(change.alert_id)
            if known is not None and change.ended_us is None and why in firing:
                known.change = replace(change, inhibited_by=why)
                told.append(known.change)
            else:
                told.append(change)
        ids = {change.alert_id for change in told}
        for known in self.open.values():
            why = known.change.inhibited_by
            if why is not None and why not in firing and known.change.alert_id not in ids:
                known.change = replace(known.change, inhibited_by=None)
                told.append(known.change)
        return told

    def active(self) -> dict[Key, bool]:
        """Return every alert there can be of the tracked domains and the service, and whether it fires."""
        keys: dict[Key, bool] = {}
        for rule in RULES:
            if rule.judge_profile is not None and not self.judges_views:
                continue
            if rule.role is not None:
                keys |= {(rule.name, name): False for name, role in self.tracked if role == rule.role}
            elif rule.judge_service is not None or rule.is_momentary:
                keys[rule.name, None] = False
        for one in self.open.values():
            key = (one.change.alert, one.change.domain_name)
            if key in keys and one.change.inhibited_by is None:
                keys[key] = True
        return keys

    def _begin(  # noqa: PLR0913, PLR0917 - as above
        self,
        rule: Rule,
        domain: str | None,
        finding: Finding,
        now_us: int,
        offsets: Sequence[Mapping[str, object]],
        mark: str,
    ) -> Change:
        change = Change(
            f"{rule.name}/{domain or 'service'}/{_iso(now_us)}{mark}",
            rule.name,
            domain,
            rule.severity,
            False,  # noqa: FBT003 - in the order of the table
            now_us,
            None,
            None,
            finding.summary,
            finding.evidence,
            offsets,
        )
        self.open[change.alert_id] = _Open(change)
        return change

    def _end(self, known: _Open, ended_us: int) -> Change:
        del self.open[known.change.alert_id]
        return replace(known.change, ended_us=max(ended_us, known.change.started_us))

    def _end_moments(self, clock_us: int) -> list[Change]:
        over = [
            one
            for one in self.open.values()
            if BY_NAME.get(one.change.alert, RULES[0]).is_momentary
            and one.change.started_us + MOMENT_US <= clock_us
        ]
        return [self._end(one, one.change.started_us + MOMENT_US) for one in over]


def _iso(at_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
