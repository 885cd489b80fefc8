"""Names of settings that are none, and what may be meant by them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from linktide.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linktide.setting import Setting

_NEAR = 0.65
"""Least likeness of a name that is worth suggesting: a slip, not another word."""


def known_setting(name: str, table: Mapping[str, Setting], origin: str) -> Setting:
    """Return the setting of a name, dotted or not; raises ConfigError with the name that may be meant."""
    row = table.get(name.replace(".", "_"))
    if row is None:
        known = [setting_row.toml_name for setting_row in table.values()]
        raise ConfigError(f"{name} ({origin}) is not a setting.{nearest(name, known)}")
    return row


def nearest(name: str, known: list[str], prefix: str = "") -> str:
    """Return a sentence that names the setting that may be meant, or where all of them stand."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
    return f" Did you mean {prefix}{near[0]}?" if near else " docs/configuration.md lists all of them."
