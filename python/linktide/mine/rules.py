"""Source rules of the user's, from cells; none becomes part of a statement before it is checked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from linktide.mine.cells import Column, MineFileError, any_text, one_of, shown, whole
from linktide.setting import parse_domain
from linktide.store.rule_patterns import pattern_trouble, scratch_connection, together_trouble
from linktide.store.source_rules import (
    ACQUISITIONS,
    BUILT_IN,
    KINDS,
    LINK_TYPES,
    LOCATIONS,
    MAX_HOSTS,
    MAX_RULES,
    RELS,
    SourceRule,
    url_patterns,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from linktide.mine.cells import Cells
    from linktide.mine.keys import UrlKeys

_MAX_NAME: Final = 100
_MOST_LINKS: Final = 1_000_000


def _name(text: str) -> str:
    if len(any_text(text)) > _MAX_NAME:
        raise ValueError(f"is longer than {_MAX_NAME} characters")
    return text


def _hosts(text: str) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(parse_domain(one) for one in text.split()))
    except ValueError:
        raise ValueError("is no list of hosts such as example.org, with spaces between") from None


def _kinds(text: str) -> tuple[str, ...]:
    return tuple(one_of(*KINDS, "unknown")(word) for word in text.split())


RULE_COLUMNS: Final = (
    Column("rule", _name, is_required=True, aliases=("name",)),
    Column("source_kind", one_of(*KINDS)),
    Column("acquisition", one_of(*ACQUISITIONS)),
    Column("hosts", _hosts),
    Column("url", any_text),
    Column("generator", any_text),
    Column("rel", one_of(*RELS)),
    Column("semantic_location", one_of(*LOCATIONS)),
    Column("link_type", one_of(*LINK_TYPES)),
    Column("links_external_from", whole(_MOST_LINKS)),
    Column("kinds", _kinds),
)


def read_rules(cells: Cells, path: Path, keys: UrlKeys) -> tuple[SourceRule, ...]:
    """Return the rules of a file in its order. Raises MineFileError with the line and the rule."""
    if len(cells.lines) > MAX_RULES:
        raise MineFileError(f"{path} has {len(cells.lines):,} rules; wanted at most {MAX_RULES}.")
    names = {one.rule: "a rule of linktide's" for one in BUILT_IN}
    rules: list[SourceRule] = []
    for place, line in enumerate(cells.lines):
        told = {name: values[place] for name, values in cells.columns.items() if values[place] is not None}
        told |= _split(told.get("hosts", ()), keys)
        rule = SourceRule(**told)  # type: ignore[arg-type]  # read by the columns of the same names
        where = f"{path}, line {line}: the rule {rule.rule!r}"
        if rule.rule in names:
            raise MineFileError(f"{where} has the name of {names[rule.rule]}; give it another.")
        if rule.source_kind is None and rule.acquisition is None:
            raise MineFileError(f"{where} says neither source_kind nor acquisition.")
        if replace(rule, source_kind=None, acquisition=None) == SourceRule(rule.rule):
            raise MineFileError(f"{where} has no condition; it would hold of every link.")
        if rule.kinds and rule.source_kind is not None:
            raise MineFileError(
                f"{where} asks for kinds and tells a source_kind; wanted an acquisition alone."
            )
        names[rule.rule] = f"the rule in line {line}"
        rules.append(rule)
    if (count := sum(len(rule.hosts) for rule in rules)) > MAX_HOSTS:
        raise MineFileError(
            f"{path} has {count:,} hosts that are no registrable domains; wanted at most {MAX_HOSTS}."
        )
    with scratch_connection() as scratch:
        _check_patterns(cells, path, rules, scratch)
    return tuple(rules)


def _check_patterns(
    cells: Cells, path: Path, rules: Sequence[SourceRule], scratch: DuckDBPyConnection
) -> None:
    """Refuse the first pattern that cannot be used, alone or with the others. Raises MineFileError."""
    for line, rule in zip(cells.lines, rules, strict=True):
        for column, pattern in (("url", rule.url), ("generator", rule.generator)):
            trouble = None if pattern is None else pattern_trouble(pattern, scratch)
            if pattern is not None and trouble is not None:
                raise MineFileError(f"{path}, {shown(line, column, pattern, trouble).sentence()}.")
    patterns = [(place, one) for place, rule in enumerate(rules) for one in _patterns(rule)]
    found = together_trouble(
        [one for _, one in patterns], [one for rule in BUILT_IN for one in _patterns(rule)], scratch
    )
    if found is not None:
        place = patterns[found[0]][0]
        where = f"{path}, line {cells.lines[place]}: the rule {rules[place].rule!r}"
        raise MineFileError(f"{where} {found[1]}.")


def _patterns(rule: SourceRule) -> list[str]:
    return url_patterns(rule) + ([] if rule.generator is None else [rule.generator])


def _split(named: object, keys: UrlKeys) -> dict[str, tuple[str, ...]]:
    """Tell registrable domains, which are looked up, from other hosts and from suffixes."""
    hosts = named if isinstance(named, tuple) else ()
    domains, wrong = keys.domains(hosts)
    of = dict(zip((one for place, one in enumerate(hosts) if place not in wrong), domains, strict=True))
    # A suffix is its own domain by name; what is registered under it is below it.
    is_domain = {one: of.get(one) == one and not keys.is_suffix(one) for one in hosts}
    return {
        "domains": tuple(one for one in hosts if is_domain[one]),
        "hosts": tuple(one for one in hosts if not is_domain[one]),
    }
