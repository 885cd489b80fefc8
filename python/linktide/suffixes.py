"""The public suffix list as a file: found, read, checked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from linktide.errors import ConfigError
from linktide.index import SuffixList

if TYPE_CHECKING:
    from linktide.config import Config

LEAST_RULES = 100
"""A list with fewer rules is none: it would make one domain of whole countries."""

_ANY_LABEL = "any-label-of-nobody"
_VERSION_TIME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_UTC", re.ASCII)


def suffix_list_path(configured: Path | None) -> Path:
    """Return the configured file, or that of the publicsuffixlist package."""
    return configured or Path(str(files("publicsuffixlist").joinpath("public_suffix_list.dat")))


def read_suffix_list(configured: Path | None) -> SuffixList:
    """Return the list of the configured file, or that of the publicsuffixlist package.

    Raises ConfigError if it cannot be read, is no such list, or is cut off.
    """
    path = suffix_list_path(configured)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The public suffix list {path} cannot be read ({error}); "
            "set public_suffix_list to a readable file."
        ) from error
    return parse_suffix_list(text, str(path))


def parse_suffix_list(text: str, name: str) -> SuffixList:
    """Return the list of a text; raises ConfigError, which names it by `name`, if it is none or cut off."""
    try:
        suffixes = SuffixList(text)
    except ValueError as error:
        raise ConfigError(
            f"The public suffix list {name} cannot be used: {error}; set public_suffix_list to a sound file."
        ) from error
    if len(suffixes) < LEAST_RULES:
        raise ConfigError(
            f"The public suffix list {name} has {len(suffixes)} rules, wanted at least {LEAST_RULES}; "
            "set public_suffix_list to a whole file."
        )
    return suffixes


def misplaced(config: Config, suffixes: SuffixList) -> list[str]:
    """Say of each tracked domain and rival that is never counted under its name what is wanted instead.

    Links are counted by registrable domain, the private section of the list included: me.github.io is one
    of its own, www.example.org counts as example.org, and co.uk is nobody's. To take the domain behind a
    host without a word would count more than was asked for.
    """
    named = [("tracked_domains", name) for name in config.tracked_domains]
    named += [("rivals", name) for name in config.rivals]
    told = ((setting, name, registrable(name, suffixes)) for setting, name in named)
    return [f"{setting} names {name}, {sentence}" for setting, name, sentence in told if sentence is not None]


def registrable(name: str, suffixes: SuffixList) -> str | None:
    """Return None for a registrable domain, else why it is none, as the rest of a sentence."""
    domain = suffixes.domain_of(name)
    if domain != name:
        return f"by the public suffix list {suffixes.version} a part of {domain}; wanted {domain}."
    if suffixes.domain_of(f"{_ANY_LABEL}.{name}") == name:
        return None
    return (
        f"by the list {suffixes.version} a public suffix, under which others register their domains; "
        f"wanted one of these, such as example.{name}."
    )


def age_seconds(version: str, now: datetime) -> float | None:
    """Return how long ago a list of this version was made; None if its version is no time."""
    if _VERSION_TIME.fullmatch(version) is None:
        return None
    try:
        made_at = datetime.strptime(version, "%Y-%m-%d_%H-%M-%S_UTC").replace(tzinfo=UTC)
    except ValueError:
        return None
    return (now - made_at).total_seconds()
