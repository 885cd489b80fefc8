"""`linktide url explain`: what fires, what comes of it, why not."""

from __future__ import annotations

import json

import pytest
from command_runs import ran

from linktide import normalize_url
from linktide.errors import ExitCode

URL = "HTTPS://u@www.Example.co.uk/%7ea?utm_id=1&b#c"


def test_each_rule_is_shown_with_before_and_after() -> None:
    lines = ran("url", "explain", URL).stdout.splitlines()
    rules = [line.split()[0] for line in lines if line.startswith("P")]
    assert rules == ["P2", "P4", "P8", "P9", "P11", "P14"]
    at = next(index for index, line in enumerate(lines) if line.startswith("P14"))
    assert lines[at + 1].split() == ["query", "?utm_id=1&b"]
    assert lines[at + 2].split() == ["->", "?b"]
    shown = {line.split()[0]: line.split()[1] for line in lines if line and not line.startswith(" ")}
    assert (shown["url"], shown["domain"]) == ("https://www.example.co.uk/~a?b", "example.co.uk")
    assert [line.split()[1] for line in lines if line.startswith("flag")] == [
        "HAD_USERINFO:",
        "HAD_FRAGMENT:",
        "HAD_TRACKING:",
    ]


def test_json_says_the_same() -> None:
    told = json.loads(ran("url", "explain", "../c", "--base", URL, "--level", "cluster", "--json").stdout)
    found = normalize_url("../c", URL, "cluster")
    assert (told["url"], told["cluster_key"], told["flags"]) == (
        found.url,
        found.cluster_key,
        list(found.flag_names),
    )
    assert [change["rules"] for change in told["changes"]] == [["P3"], ["P8"], ["P21"], ["P19"]]
    assert bytes.fromhex(told["url_id"]) == found.url_id


def test_a_refusal_is_told_with_its_rule() -> None:
    result = ran("url", "explain", "mailto:a@b.com")
    assert result.exit_code == 0
    assert "refused      SCHEME (P2): the scheme is not http or https" in result.stdout
    assert json.loads(ran("url", "explain", "http://a..b", "--json").stdout)["reason"] == "HOST"


def test_options_are_those_of_the_library() -> None:
    arguments = (
        "--option",
        "extra_tracking=ref",
        "--option",
        "extra_tracking=x*",
        "--option",
        "keep_hashroute",
    )
    told = json.loads(ran("url", "explain", "http://a.com/?ref=1&xy&b#/c", *arguments, "--json").stdout)
    assert told["url"] == "http://a.com/?b#/c"
    short = ran("url", "explain", "http://a.com/long", "--option", "max_output_bytes=9", "--json").stdout
    assert json.loads(short)["reason"] == "TOO_LONG"


@pytest.mark.parametrize("option", ["nothing", "ftp=maybe", "assume_scheme=gopher", "max_output_bytes=0"])
def test_a_wrong_option_is_wrong_usage(option: str) -> None:
    assert ran("url", "explain", "http://a.com", "--option", option).exit_code == ExitCode.USAGE


def test_control_characters_are_written_out() -> None:
    assert "\x1b" not in ran("url", "explain", "http://a.com/\x1b[31m").stdout


def test_an_unknown_level_is_wrong_usage() -> None:
    result = ran("url", "explain", "http://a.com", "--level", "I")
    assert result.exit_code == ExitCode.USAGE
    assert "whatwg" in result.stderr
