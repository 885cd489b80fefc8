"""What a rule is: when it fires, in the service and in Prometheus, and what the person called is to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linktide.alerts.facts import DomainFacts, ProfileFacts, ServiceFacts

Row = dict[str, object]
"""One row of evidence."""


class Severity(StrEnum):
    """How soon somebody must look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Finding:
    """That a rule fires, and why."""

    summary: str
    """One sentence with the figures."""
    evidence: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class PromCase:
    """A test of a rule in Prometheus: samples in, an alert out or none."""

    series: Mapping[str, str]
    """Series → values, as promtool has them."""
    at: str = "30m"
    """When to look; samples are a minute apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alert."""

    name: str
    severity: Severity
    about: str
    """What is the case, in half a sentence: the summary in Prometheus and of the runbook."""
    impact: str
    causes: Sequence[str]
    actions: Sequence[str]
    definition: str
    """Exactly when it fires, in words."""
    expr: str
    """The same in PromQL."""
    fires: PromCase
    is_silent: PromCase
    hold: str = "0m"
    """How long it must be so until Prometheus calls (`for`)."""
    keep: str = "10m"
    """How long Prometheus keeps it after it is so no more (`keep_firing_for`)."""
    role: str | None = None
    """own or rival: of which tracked domains; None: of the service."""
    judge: Callable[[DomainFacts], Finding | None] | None = None
    """Of a domain: fires while it returns something."""
    judge_service: Callable[[ServiceFacts], Finding | None] | None = None
    """Of the service: fires while it returns something."""
    judge_profile: Callable[[ProfileFacts], Finding | None] | None = None
    """Of what views say of a domain, asked now and then: fires while it returns something."""
    is_anew: Callable[[Sequence[Mapping[str, object]], Sequence[Mapping[str, object]]], bool] | None = None
    """Whether evidence found now, after that of the look before, raises the alert anew while it fires."""
    is_momentary: bool = False
    """It is told by an event, not a state: it ends by itself a day after, and nobody hears of the end."""

    @property
    def runbook(self) -> str:
        """Where its entry is, from the root of the repository or of a release: there is no host to name."""
        return f"docs/alerts.md#{self.name.lower()}"
