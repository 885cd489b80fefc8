"""`linktide authority`: how wrong the scores are, why one changed, what would change it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
import pyarrow as pa
from rich.console import Console

from linktide.cli import session
from linktide.cli.flags import config_options, read_config
from linktide.cli.rows import table_of, write_csv
from linktide.errors import ExitCode, LinktideError
from linktide.plain import plain_json, plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHOWN_ROWS = 20
_UNBOUNDED_WIDTH = 1_000_000
_AUDIT_COLUMNS = (
    "graph",
    "vector",
    "nodes",
    "error",
    "error_bound",
    "error_target",
    "greatest_relative_error",
    "relative_target",
    "greatest_gap_points",
    "greatest_gap_domain",
    "is_violated",
)
_CHANGE_COLUMNS = (
    "source_domain",
    "change",
    "gained",
    "lost",
    "source_rank",
    "dilution",
    "reweighted",
    "prior",
)
_WHAT_IF_COLUMNS = ("source_domain", "change", "citation", "out_weight_before", "contribution", "is_known")


class BoundViolatedError(LinktideError):
    """A score is further from exact than its proven bound allows."""

    exit_code = ExitCode.BOUND_VIOLATED


@click.group("authority", short_help="Check, explain and try out authority.")
def authority() -> None:
    """Look at authority: how exact it is, why it changed, what would change it; see docs/authority.md."""


@authority.command(short_help="Hold every score against an exact solve.")
@config_options
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def audit(*, is_json: bool, **flags: object) -> None:
    """Solve each vector exactly once and show its true error beside its proven bound and the target.

    Asks the running service if there is one, whose events wait only while the graphs are copied; else the
    index is built from the stopped database. The gap is the greatest distance in points between a published
    score and the exact one. Ends with 10 if a bound is violated, which would be a defect of linktide.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    told = session.audit(config)
    vectors: Sequence[Mapping[str, Any]] = told["vectors"]
    if is_json:
        _print_json(told)
    else:
        _print_rows(vectors, _AUDIT_COLUMNS)
    violated = [f"{one['graph']} {one['vector']}" for one in vectors if one["is_violated"]]
    if violated:
        raise BoundViolatedError(
            f"{', '.join(violated)}: the true error is above its proven bound; please report this "
            "defect, and restart the service to have all scores solved anew."
        )


@authority.command(short_help="Show why the authority of a domain changed.")
@config_options
@click.argument("domain")
@click.option(
    "--from", "from_at", required=True, metavar="TIME", help="Event time, ISO 8601; UTC if it names no zone."
)
@click.option("--to", "to_at", metavar="TIME", help="Event time; without it the newest event's.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    metavar="NUMBER",
    default=_SHOWN_ROWS,
    show_default=True,
    help="In-edges to show, the largest first; 0: all.",
)
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
@click.option("--csv", "is_csv", is_flag=True, help="Print the in-edges as CSV.")
def explain(  # noqa: PLR0913 - one argument an option
    domain: str, from_at: str, to_at: str | None, limit: int, *, is_json: bool, is_csv: bool, **flags: object
) -> None:
    """Show why the authority of DOMAIN changed between two times, in-edge by in-edge.

    Builds the domain graph of both times from the lives of links, solves both exactly and splits the change
    into parts that add up to it: gained, lost, source rank, dilution, reweighted and prior. Through the
    running service if there is one, beside its writer, else in the database file.
    """
    if is_json and is_csv:
        raise click.UsageError("--json and --csv exclude each other; give one of them.")
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    told = session.explain(config, domain, from_at, to_at, limit)
    rows: Sequence[Mapping[str, Any]] = told["rows"]
    if is_json:
        _print_json(told)
    elif is_csv:
        write_csv(_table(rows), sys.stdout)
    else:
        _print_change(told)
        _print_rows(rows, _CHANGE_COLUMNS)
        if told["left_out"]:
            click.echo(f"{told['left_out']:,} smaller rows add {told['others']:+.6g}; --limit 0 shows them.")


@authority.command("what-if", short_help="Show what other links would do to a domain.")
@config_options
@click.argument("domain")
@click.option("--gain", "gained", multiple=True, metavar="DOMAIN,…", help="Domains that begin to link to it.")
@click.option("--lose", "lost", multiple=True, metavar="DOMAIN,…", help="Domains that cease to.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def what_if(
    domain: str, gained: Sequence[str], lost: Sequence[str], *, is_json: bool, **flags: object
) -> None:
    """Show what DOMAIN would have with a followed link from each gained domain and none from the lost ones.

    Exactly, by a solve of the changed graph, beside the first order that the SQL macro what_if gives, its
    error and the bound of that. Nothing is changed. Through the running service if there is one.
    """
    config = read_config(**flags)  # type: ignore[arg-type]  # named by config_options
    names = [[name for part in parts for name in part.split(",") if name.strip()] for parts in (gained, lost)]
    told = session.what_if(config, domain, *names)
    if is_json:
        _print_json(told)
        return
    _print_what_if(told)
    _print_rows(told["rows"], _WHAT_IF_COLUMNS)


def _print_change(told: Mapping[str, Any]) -> None:
    name = plain_text(told["domain_name"])
    click.echo(f"{name} from {told['from_at']} to {told['to_at']}: {_points(told, 'points')}")
    ends = f"{told['citation_before']:.6g} → {told['citation_after']:.6g}"
    links = f"{told['links_before']:,} → {told['links_after']:,}"
    click.echo(f"citation {ends}, {told['change']:+.6g}; linking domains {links}")
    for part, value in told["parts"].items():
        click.echo(f"  {part.replace('_', ' '):<12} {value:+.6g}")
    click.echo(f"  {'residual':<12} {told['residual']:+.1e}")
    for side in ("before", "after"):
        _print_published(side, told[f"published_{side}"])


def _print_what_if(told: Mapping[str, Any]) -> None:
    click.echo(f"{plain_text(told['domain_name'])} as of {told['at']}: {_points(told, 'points')}")
    click.echo(f"citation {told['citation_before']:.6g} → {told['citation_after']:.6g}")
    first = told["points_first_order"]
    shown = "" if first is None else f", to {first:.2f} points"
    click.echo(
        f"exact {told['change']:+.6g}; first order {told['first_order']:+.6g}{shown}, "
        f"off by {told['first_order_error']:+.2g} (at most {told['first_order_error_bound']:.2g})"
    )
    _print_published("now", told["published_before"])


def _points(told: Mapping[str, Any], name: str) -> str:
    before, after = told[f"{name}_before"], told[f"{name}_after"]
    if before is None or after is None:
        return f"no points, {told['note']}"
    return f"{before:.2f} → {after:.2f} points ({after - before:+.2f})"


def _print_published(side: str, published: Mapping[str, Any]) -> None:
    scored_at = published["scored_at"] or "never"
    if published["points"] is None:
        click.echo(f"published {side}: {scored_at}")
        return
    click.echo(
        f"published {side}: {published['points']:.2f} points ({scored_at}), "
        f"{published['gap_points']:+.3f} from exact"
    )


def _print_json(told: Mapping[str, Any]) -> None:
    click.echo(plain_json(json.dumps(told, ensure_ascii=False, allow_nan=False, indent=2)))


def _print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    if not rows:
        return
    console = Console(width=None if sys.stdout.isatty() else _UNBOUNDED_WIDTH, highlight=False)
    console.print(table_of(_table(rows).select(columns), len(rows)))


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows])
