"""The command line. One file a command; an error is one sentence on stderr and its own exit code."""

from __future__ import annotations

import errno
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn

import click

from linktide.cli.authority import authority
from linktide.cli.check import check
from linktide.cli.demo import demo
from linktide.cli.digest import digest
from linktide.cli.forget import forget
from linktide.cli.import_files import import_files
from linktide.cli.init import init
from linktide.cli.load import load, unload
from linktide.cli.produce import produce
from linktide.cli.query import query
from linktide.cli.recovery import backup, migrate, rebuild, replay, restore
from linktide.cli.rekey import rekey
from linktide.cli.report import report
from linktide.cli.review import review
from linktide.cli.run import run
from linktide.cli.sql_user import sql_user
from linktide.cli.status import status
from linktide.cli.top import top
from linktide.cli.url import url
from linktide.errors import ExitCode, LinktideError
from linktide.plain import plain_text

INTERRUPTED = 130
_NO_MEMORY = (
    "The system gives this process no more memory: raise its limit, or lower memory_limit, queue_max_bytes "
    "and catch_up_max_events. What is stored is sound."
)
_PAIRS = {
    "query": ("report", "Run one SQL statement; make a page about a domain."),
    "top": ("digest", "Watch tracked domains live; tell what happened to them."),
    "load": ("unload", "Load CSV or Parquet as a table of your own; drop it."),
    "review": ("forget", "Say what is to be done about who links; erase what is stored."),
    "backup": ("restore", "Copy the database while the service writes; put it back."),
}
"""A command → the one shown beside it, and a sentence on both."""
_HELP_WIDTH = 70
_OUTPUT_LOST = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})


class Commands(click.Group):
    """A group whose commands end in a sentence and an exit code instead of a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - as click has it
        """Run the program; an output that takes no more ends it with 1, a closed pipe without a word."""
        try:
            try:
                return super().main(*args, **extra)
            finally:
                # Here, not as Python ends: there a failure is a traceback, or passes for success.
                sys.stdout.flush()
        except OSError as error:
            if error.errno not in _OUTPUT_LOST or error.filename is not None:
                raise
            _let_go_of_output()
            if not isinstance(error, BrokenPipeError):
                click.echo(f"Error: The output cannot be written: {error.strerror}.", err=True)
            sys.exit(int(ExitCode.FAILURE))

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; Ctrl-C ends with 130, as shells expect."""
        try:
            return super().invoke(ctx)
        except LinktideError as error:
            _fail(plain_text(str(error)), int(error.exit_code))
        except MemoryError:
            _fail(_NO_MEMORY, int(ExitCode.OUT_OF_MEMORY))
        except RuntimeError as error:
            # How Python tells that the system has no memory, or no room, for another thread.
            if "can't start new thread" not in str(error):
                raise
            _fail(_NO_MEMORY, int(ExitCode.OUT_OF_MEMORY))
        except KeyboardInterrupt:
            _fail("Stopped by Ctrl-C.", INTERRUPTED)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the commands alone: with their options they would fill more than a screen."""
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show some in pairs: a row for each would fill more than a screen."""
        del ctx
        beside = {name for name, _ in _PAIRS.values()}
        rows = []
        for name, command in self.commands.items():
            if name in _PAIRS:
                other, sentence = _PAIRS[name]
                rows.append((f"{name}, {other}", sentence))
            elif name not in beside:
                rows.append((name, command.get_short_help_str(_HELP_WIDTH)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order a newcomer needs them."""
        del ctx
        return list(self.commands)


def _let_go_of_output() -> None:
    """Send nowhere what standard output still holds: Python would try again as it ends."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)


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
    commands=[
        init,
        run,
        demo,
        import_files,
        produce,
        query,
        report,
        digest,
        load,
        unload,
        review,
        sql_user,
        top,
        check,
        status,
        rekey,
        forget,
        authority,
        url,
        backup,
        restore,
        rebuild,
        replay,
        migrate,
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(_version(), prog_name="linktide")
def main() -> None:
    """Keep a live backlink index. COMMAND --help tells more of one."""
