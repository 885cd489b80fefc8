"""The options by which every command finds its configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from linktide.config import Config, load
from linktide.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

F = TypeVar("F", bound="Callable[..., object]")


def config_options(command: F) -> F:
    """Add --config, --database and --set to a command; it hears them as its first three keyword arguments."""
    options = (
        click.option(
            "--config", "config_path", type=click.Path(path_type=Path), metavar="FILE",
            help="Configuration file.  [LINKTIDE_CONFIG, or ./linktide.toml if there]",
        ),
        click.option("--database", metavar="FILE", help="The DuckDB file.  [LINKTIDE_DATABASE]"),
        click.option(
            "--set", "assignments", multiple=True, metavar="NAME=VALUE",
            help="Any other setting of docs/configuration.md; may be repeated.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def read_config(
    config_path: Path | None,
    database: str | None,
    assignments: Sequence[str],
    **more: object,
) -> Config:
    """Load the configuration in force; `more` are flags that are settings by themselves (None: not given)."""
    flags: dict[str, object] = {"database": database, **more}
    flags |= _assigned(assignments)
    return load(flags=flags, environ=os.environ, folder=Path.cwd(), config_path=config_path)


def _assigned(assignments: Sequence[str]) -> Mapping[str, object]:
    values = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment} has no value; wanted NAME=VALUE, such as http_port=8641.")
        values[name.strip().replace(".", "_").replace("-", "_")] = value
    return values
