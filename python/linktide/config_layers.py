"""Where the values of settings come from: a file, variables; and what is said of a slip."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from linktide.config_names import known_setting, nearest
from linktide.errors import ConfigError
from linktide.setting import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from linktide.setting import Setting

SECTIONS = ("kafka", "authority", "retention", "sql", "alerts", "mine")
NOT_SETTINGS = {
    "LINKTIDE_CONFIG": "The configuration file, if no `--config` is given.",
    "LINKTIDE_CACHE": "The folder of what tests fetch once; the service ignores it.",
    "LINKTIDE_DATA": "The folder of test data; the service ignores it.",
}
_PREFIX = "LINKTIDE_"
# Settings whose value is a TOML table.
_TABLES = frozenset({"authority.topics", "authority_topics"})
# Kubernetes puts these into every pod beside a Service named linktide.
_SERVICE_LINK = re.compile(r"LINKTIDE_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")
_SHOWN_VALUE_LENGTH = 80


def from_file(found: Path, table: Mapping[str, Setting]) -> dict[str, object]:
    """Return the values of a configuration file by setting name; ConfigError if it is none."""
    try:
        document = tomllib.loads(found.read_text("utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"The configuration file {found} cannot be read ({reason}); "
            "name another one by --config or LINKTIDE_CONFIG, or write one by `linktide init DOMAIN`."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {found} is not valid TOML: {error}.") from error
    values: dict[str, object] = {}
    for name, value in _flatten(document, ()):
        known_setting(name, table, f"file {found}")
        setting_name = name.replace(".", "_")
        if setting_name in values:
            raise ConfigError(f"{setting_name} stands twice in the file {found}; keep one of them.")
        values[setting_name] = value
    return values


def _flatten(table: Mapping[str, object], above: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        # An empty section that is none must not pass unseen.
        name = ".".join((*above, key))
        if isinstance(value, dict) and name not in _TABLES and (value or key in SECTIONS):
            yield from _flatten(value, (*above, key))
        else:
            yield name, value


def from_environ(environ: Mapping[str, str], table: Mapping[str, Setting]) -> dict[str, object]:
    """Return the values of variables by setting name; ConfigError for one that is no setting."""
    by_variable = {row.env_name: name for name, row in table.items()}
    values: dict[str, object] = {}
    for variable, value in environ.items():
        if not variable.startswith(_PREFIX) or variable in NOT_SETTINGS or _SERVICE_LINK.fullmatch(variable):
            continue
        if variable not in by_variable:
            # Without the prefix, which they share with every slip.
            names = [name.removeprefix(_PREFIX) for name in (*by_variable, *NOT_SETTINGS)]
            near = nearest(variable.removeprefix(_PREFIX), names, _PREFIX)
            raise ConfigError(f"The environment variable {variable} is not a setting.{near}")
        # Compose files and units set variables to nothing to mean "not set".
        if value:
            values[by_variable[variable]] = value
    return values


def read(row: Setting, raw: object, origin: str, base: Path) -> object:
    """Return a value as the setting wants it; ConfigError if it cannot be."""
    if raw == "" and row.default is None:
        return None
    try:
        value = row.reader.parse(raw)
    except ValueError:
        seen = HIDDEN if row.is_secret else repr(raw)[:_SHOWN_VALUE_LENGTH]
        raise ConfigError(f"{row.toml_name} is {seen} ({origin}); wanted {row.wanted}.") from None
    if isinstance(value, tuple):
        return tuple(base / item if isinstance(item, Path) else item for item in value)
    return base / value if isinstance(value, Path) else value
