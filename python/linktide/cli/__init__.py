"""The command line. One file a command; an error is one sentence on stderr and its own exit code."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

import click

from linktide.cli.check import check
from linktide.cli.demo import demo
from linktide.cli.import_files import import_files
from linktide.cli.init import init
from linktide.cli.plain import plain_text
from linktide.cli.produce import produce
from linktide.cli.query import query
from linktide.cli.rekey import rekey
from linktide.cli.run import run
from linktide.cli.status import status
from linktide.cli.top import top
from linktide.cli.url import url
from linktide.errors import LinktideError

INTERRUPTED = 130


class Commands(click.Group):
    """A group whose commands end in a sentence and an exit code instead of a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; Ctrl-C ends with 130, as shells expect."""
        try:
            return super().invoke(ctx)
        except LinktideError as error:
            _fail(plain_text(str(error)), int(error.exit_code))
        except KeyboardInterrupt:
            _fail("Stopped by Ctrl-C.", INTERRUPTED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order a newcomer needs them."""
        del ctx
        return list(self.commands)


def _fail(sentence: str, exit_code: int) -> NoReturn:
    click.echo(f"Error: {sentence}", err=True)
    sys.exit(exit_code)


def _version() -> str:
    try:
        return version("linktide")
    except PackageNotFoundError:
        return "from source"


@click.group(
    cls=Commands,
    commands=[init, run, demo, import_files, produce, query, top, check, status, rekey, url],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(_version(), prog_name="linktide")
def main() -> None:
    """Keep a live backlink index: events in; link state, authority and velocity out.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 wrong configuration, others in docs/commands.md.
    """
