"""Public suffix lists that differ, and histories over hosts to which they give different domains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from linktide.suffixes import LEAST_RULES
from oracle.histories import PAGES
from oracle.page_events import rewrite

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from oracle.page_events import AnyEvent

RULES = (
    "com",
    "blog.com",
    "deep.blog.com",
    "*.blog.com",
    "wild.com",
    "*.wild.com",
    "!kept.wild.com",
    "uk",
    "co.uk",
    "*.uk",
    "xn--55qx5d.cn",
    "gone",
)
"""Rules of which a list has some: plain ones, one below the other, wildcards, an exception."""

HOSTS = (
    "blog.com",
    "one.blog.com",
    "two.blog.com:8080",
    "x.one.blog.com",
    "y.x.one.blog.com",
    "a.deep.blog.com",
    "b.c.deep.blog.com",
    "wild.com",
    "w.wild.com",
    "v.w.wild.com",
    "kept.wild.com",
    "k.kept.wild.com",
    "shop.co.uk",
    "my.shop.co.uk",
    "co.uk",
    "other.uk",
    "c.xn--55qx5d.cn",
    "still.example",
    "deeper.still.example",
    "alone",
    "10.1.2.3:81",
    "[2001:db8::1]:81",
)
"""Hosts, some with the port that their URLs carry."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one list beside those that no host here meets."""

    rules: tuple[str, ...]

    def text(self) -> str:
        """Write the list as a file has it."""
        others = [f"unmet{number}" for number in range(LEAST_RULES)]
        return "\n".join(
            ["// ===BEGIN ICANN DOMAINS===", *others, *self.rules, "// ===END ICANN DOMAINS===", ""]
        )

    def write(self, path: Path) -> Path:
        path.write_text(self.text(), "utf-8")
        return path

    def domains(self, hosts: Iterable[str] = HOSTS) -> dict[str, str]:
        """Give each host its domain, by another program than ours."""
        suffixes = PublicSuffixList(self.text().splitlines())
        return {host: domain_of(suffixes, host) for host in hosts}


def domain_of(suffixes: PublicSuffixList, host: str) -> str:
    if host.startswith("["):
        return host[: host.index("]") + 1]
    name = host.split(":", maxsplit=1)[0]
    if name.replace(".", "").isdigit():
        return name
    return str(suffixes.privatesuffix(name) or name)


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    """Draw a list."""
    chosen = draw(st.sets(st.sampled_from(RULES)))
    return RuleSet(tuple(rule for rule in RULES if rule in chosen))


def rehost(history: Sequence[AnyEvent], hosts: Sequence[str], rules: RuleSet) -> tuple[AnyEvent, ...]:
    """Give each page of a generated history a host of these, and the domain of it by these rules."""
    domains = rules.domains()
    placed = {
        url: (url.replace(url.split("/")[2], host), domains[host])
        for (url, _), host in zip(PAGES, hosts, strict=True)
    }
    return tuple(rewrite(event, placed.__getitem__) for event in history)


def judged(events: Iterable[AnyEvent], rules: RuleSet) -> tuple[AnyEvent, ...]:
    """Give events the domains that these rules give their hosts."""
    domains = rules.domains()
    return tuple(rewrite(event, lambda url: (url, domains[url.split("/")[2]])) for event in events)
