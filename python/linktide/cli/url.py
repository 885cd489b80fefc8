"""`linktide url`: what the URL policy makes of a URL, and why."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import click
from rich.console import Console
from rich.text import Text

from linktide.index import URL_POLICY_VERSION, url_flags, url_reasons, url_rules
from linktide.plain import plain_json, plain_text
from linktide.url import LEVELS, UrlFlag, explain_url

if TYPE_CHECKING:
    from linktide.url import NormalizedUrl, UrlExplanation, UrlOptions

_UNBOUNDED_WIDTH = 1_000_000


@click.group("url", short_help="Tell what the URL policy makes of a URL.")
def url() -> None:
    """Look at URLs as the index does: docs/urls.md has every rule, option, flag and reason."""


@url.command(short_help="Show each rule that fires, before and after.")
@click.argument("url")
@click.option("--base", metavar="URL", help="The URL of the page it was met on.")
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    metavar="LEVEL",
    default="index",
    show_default=True,
    help="How much of the policy: whatwg, safe, index or cluster.",
)
@click.option(
    "--option",
    "settings",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="An option of docs/urls.md, as often as you like: ftp, assume_scheme=https, …",
)
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def explain(url: str, base: str | None, level: str, settings: tuple[str, ...], *, is_json: bool) -> None:
    """Show what the policy does to a URL: each rule that fires, before and after, the result, its flags.

    A URL that is refused is told with the reason and its rule; the exit code is 0 then too.
    """
    try:
        told = explain_url(url, base, level, **_options(settings))
    except (TypeError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    if is_json:
        click.echo(plain_json(json.dumps(_json(told), ensure_ascii=False, indent=2)))
    else:
        _print(url, base, told)


def _options(settings: tuple[str, ...]) -> UrlOptions:
    options: dict[str, Any] = {}
    for setting in settings:
        name, has_value, value = setting.partition("=")
        if name == "extra_tracking":
            options.setdefault(name, []).append(value)
        elif value.isdecimal():
            options[name] = int(value)
        else:
            options[name] = value if has_value else True
    return cast("UrlOptions", options)  # explain_url checks names and types


def _json(told: UrlExplanation) -> dict[str, object]:
    outcome = asdict(told.outcome)
    outcome["url_id"] = told.outcome.url_id.hex() if told.outcome.url_id else None
    outcome["flags"] = list(told.outcome.flag_names)
    return {
        "policy_version": URL_POLICY_VERSION,
        "changes": [asdict(change) for change in told.changes],
        "cluster_form": told.cluster_form,
        **outcome,
    }


def _print(url: str, base: str | None, told: UrlExplanation) -> None:
    console = Console(width=None if sys.stdout.isatty() else _UNBOUNDED_WIDTH, highlight=False)

    def line(name: str, text: str, style: str = "") -> None:
        console.print(Text.assemble((f"{name:<13}", "dim"), (plain_text(text), style)), soft_wrap=True)

    rules = {rule: (when, what) for rule, _, _, when, what, _ in url_rules()}
    line("input", url)
    if base is not None:
        line("base", base)
    for change in told.changes:
        console.print()
        for rule in change.rules:
            when, what = rules[rule]
            line(f"{rule} {change.level}", f"{when}: {what}", "bold")
        line(f"  {change.part}", _shown(change.before), "red")
        line("  ->", _shown(change.after), "green")
    console.print()
    for name, text in _outcome(told.outcome, told.cluster_form):
        line(name, text)


def _shown(part: str) -> str:
    if not part:
        return "(none)"
    return part if part == part.strip() else f'"{part}"'


def _outcome(outcome: NormalizedUrl, cluster_form: str | None) -> list[tuple[str, str]]:
    if outcome.reason is not None:
        rule, sentence = next((rule, text) for name, _, rule, text in url_reasons() if name == outcome.reason)
        return [("refused", f"{outcome.reason} ({rule}): {sentence}")]
    meanings = {name: meaning for name, _, meaning in url_flags()}
    flags = outcome.flags or UrlFlag(0)
    return [
        ("url", outcome.url or ""),
        ("host", outcome.host or "(none)"),
        ("domain", outcome.domain or "(none)"),
        ("url_id", (outcome.url_id or b"").hex()),
        ("domain_id", "(none)" if outcome.domain_id is None else str(outcome.domain_id)),
        ("cluster_key", str(outcome.cluster_key)),
        ("cluster form", cluster_form or "(none)"),
        *[("flag", f"{flag.name}: {meanings[flag.name or '']}") for flag in flags],
    ]
