"""Writes docs/configuration.md and docs/commands.md: `python -m linktide.cli.reference docs`."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from linktide.cli import INTERRUPTED, main
from linktide.config import settings
from linktide.config_layers import NOT_SETTINGS
from linktide.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOTE = "<!-- Written by `python -m linktide.cli.reference docs`; do not edit. -->"
_CONFIGURATION = f"""\
# Configuration
{_NOTE}

One TOML file, variables, flags. A flag wins over a variable, a variable over the file, the file over
the default. `linktide check` shows what is in force and from where. `linktide init DOMAIN` writes a
file with every setting.

* The file is the one named by `--config`, else by `LINKTIDE_CONFIG`, else `linktide.toml` in the
  working folder.
* A dot stands for a section: `kafka.topics` is `topics` under `[kafka]`. `kafka_topics` at the top of
  the file means the same.
* The variable of a setting is `LINKTIDE_` and its name in capitals, `_` for the dot:
  `LINKTIDE_KAFKA_TOPICS`. Lists are separated by commas. An empty variable is not set.
* Any setting can be a flag: `--set kafka.topics=links`. The common ones have flags of their own.
* A relative path in the file is meant from the folder of the file, any other from the working folder.
* An unknown key or `LINKTIDE_*` variable is an error. The variables that Kubernetes makes for a service
  named linktide (`LINKTIDE_PORT`, `LINKTIDE_SERVICE_HOST` and their like) are passed over.
* Bytes take a unit: `"64 MiB"`, `"1 GB"`.
"""
_EXIT_MEANINGS = {
    ExitCode.OK: "Done.",
    ExitCode.FAILURE: "Failed, for a reason without a code of its own; or no service runs (`top`, `status`).",
    ExitCode.USAGE: "The command line is wrong.",
    ExitCode.CONFIG: "A setting is unknown or has a value that cannot be used.",
    ExitCode.SCHEMA_TOO_NEW: "The database was written by a newer linktide.",
    ExitCode.DATABASE_LOCKED: "Another process holds the database file.",
    ExitCode.BROKER_UNREACHABLE: "No Kafka broker answers, or they refuse us.",
    ExitCode.DATABASE_DAMAGED: "The database file or its WAL cannot be read.",
    ExitCode.DISK_FULL: "No room to write.",
    ExitCode.REFUSED_QUERY: "The query was refused, is wrong, or ran into a limit.",
    ExitCode.BOUND_VIOLATED: "A score is further from exact than its bound allows (`authority audit`).",
    ExitCode.OUT_OF_MEMORY: "The process gets no more memory; the system may also end it, with 134 or 137.",
}
_COMMANDS = f"""\
# Commands
{_NOTE}

An error is one sentence on standard error that names the thing, the value and the setting. Progress
goes to standard error too, and only to a terminal. Commands that ask find a running service by the file
`<database>.service.json` beside its database; `query`, `import`, `rekey` and `authority` work on the file
of a stopped service as well.

What is printed is data written by strangers. Control characters, terminal escapes and what re-orders
text are written out (`\\x1b`). `--json` keeps them as JSON escapes and loses nothing; `--csv` puts a
quote before a cell that a spreadsheet would take for a formula. In JSON, times are ISO 8601 in UTC, NaN
is null, bytes are base64.
"""


def configuration_text() -> str:
    """Return docs/configuration.md."""
    lines = [_CONFIGURATION, "| setting | default | what it is for | wanted |", "|---|---|---|---|"]
    for row in settings():
        default = row.shown(row.default)
        shown = f"`{default}`" if default else ""
        secret = " Never shown." if row.is_secret else ""
        lines.append(f"| `{row.toml_name}` | {shown} | {row.help}{secret} | {row.wanted} |")
    lines += ["", "## Variables that are not settings", "", "| variable | what it is for |", "|---|---|"]
    lines += [f"| `{name}` | {told} |" for name, told in NOT_SETTINGS.items()]
    return "\n".join(lines) + "\n"


def commands_text() -> str:
    """Return docs/commands.md."""
    lines = [_COMMANDS, "## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {int(code)} | {_EXIT_MEANINGS[code]} |" for code in ExitCode]
    lines += [f"| {INTERRUPTED} | Stopped by Ctrl-C (`run`, `demo` and `top` end with 0). |"]
    for name, command in leaves(main):
        lines += ["", *_command(name, command)]
    return "\n".join(lines) + "\n"


def leaves(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Give each command with its whole name, those of groups after one another."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _command(name: str, command: click.Command) -> Iterator[str]:
    arguments = [_argument(item) for item in command.params if isinstance(item, click.Argument)]
    yield f"## linktide {name}"
    yield ""
    yield f"`linktide {' '.join([name, *arguments])} [options]`"
    yield ""
    yield inspect.cleandoc(command.help or "")
    yield ""
    yield "| option | what it is for |"
    yield "|---|---|"
    for item in command.params:
        if isinstance(item, click.Option):
            metavar = "" if item.is_flag else f" {item.metavar or _choices(item)}"
            default = f" Default: {item.default}." if item.show_default else ""
            yield f"| `{item.opts[0]}{metavar}` | {item.help}{default} |"


def _choices(item: click.Option) -> str:
    return r"\|".join(item.type.choices) if isinstance(item.type, click.Choice) else item.type.name.upper()


def _argument(item: click.Argument) -> str:
    name = (item.name or "").upper()
    return f"{name}…" if item.nargs < 0 else name


def write(folder: Path) -> None:
    """Write both pages into `folder`."""
    (folder / "configuration.md").write_text(configuration_text(), "utf-8")
    (folder / "commands.md").write_text(commands_text(), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
