"""`linktide init`: write a commented configuration."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import click

from linktide.config import CONFIG_FILE_NAME, settings
from linktide.errors import ConfigError
from linktide.setting import Setting, domains, parse_domain, toml_text
from linktide.suffixes import read_suffix_list, registrable

_WIDTH = 100
_HEAD = """\
# The configuration of linktide. Every setting is here; one that begins with "# " has its default.
# A variable wins over this file, a flag over both: `linktide check` shows what is in force and from where.
# A relative path is meant from the folder of this file.
"""


@click.command("init", short_help="Write a commented configuration.")
@click.argument("domain")
@click.option("--rivals", metavar="DOMAIN,…", help="Domains to compare yours with, separated by commas.")
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path), default=CONFIG_FILE_NAME, metavar="FILE",
    show_default=True, help="The file to write.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
def init(domain: str, rivals: str | None, config_path: Path, *, force: bool) -> None:
    """Write a commented configuration that tracks DOMAIN."""
    try:
        tracked = parse_domain(domain)
    except ValueError:
        sentence = f"DOMAIN is {domain!r}; wanted a bare domain such as example.org (tracked_domains)."
        raise ConfigError(sentence) from None
    try:
        others = domains().parse(rivals or "")
    except ValueError:
        sentence = f"--rivals is {rivals!r}; wanted bare domains separated by commas (rivals)."
        raise ConfigError(sentence) from None
    if tracked in others:
        raise ConfigError(f"{tracked} is your domain and among the rivals; keep it in one place.")
    # The list of a public_suffix_list setting is not known yet; this one is what stands there by default.
    suffixes = read_suffix_list(None)
    for one in (tracked, *others):
        if (reason := registrable(one, suffixes)) is not None:
            raise ConfigError(f"{one} is {reason}")
    _write(config_path, document({"tracked_domains": (tracked,), "rivals": others}), force=force)
    click.echo(
        f"Wrote {config_path}: it tracks {tracked}" + (f" beside {', '.join(others)}." if others else ".")
    )
    click.echo("Next: `linktide check`, then `linktide import FILE` or `linktide run`.")


def document(values: dict[str, object]) -> str:
    """Return a TOML document with every setting; those in `values` are set, the others stand as comments."""
    table = settings()
    sections = dict.fromkeys(row.section for row in table)
    parts = [_HEAD]
    for section in sorted(sections, key=lambda name: name or ""):  # the top of the file comes first
        if section:
            parts.append(f"[{section}]")
        parts += [_entry(row, values) for row in table if row.section == section]
    return "\n".join(parts)


def _entry(row: Setting, values: dict[str, object]) -> str:
    told = f"{row.help} ({row.wanted}; {row.env_name})"
    comment = textwrap.fill(told, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    if values.get(row.name):
        return f"{comment}\n{row.key} = {toml_text(values[row.name])}\n"
    return f"{comment}\n# {row.key} = {row.toml(row.default)}\n"


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        # "x" refuses an existing file in one step; a secret may be written into it later, so it is private.
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
        with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
    except FileExistsError:
        raise ConfigError(
            f"{path} exists; name another file by --config, or overwrite it by --force."
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}.") from error
