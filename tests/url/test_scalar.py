"""`normalize_url`, its flags and reasons, its public suffix list, and the web platform's tests."""

from __future__ import annotations

import doctest
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from url_data import cases

import linktide
from linktide import normalize_url, normalize_urls
from linktide.index import UrlNormalizer, url_flags, url_reasons
from linktide.url import LEVELS, UrlFlag, UrlReason, explain_url

if TYPE_CHECKING:
    from pathlib import Path


def test_one_url_gives_its_parts() -> None:
    found = normalize_url("HTTP://u@www.B.co.uk:80/a/../c?utm_source=x&d#e")
    assert (found.url, found.host, found.domain) == ("http://www.b.co.uk/c?d", "www.b.co.uk", "b.co.uk")
    assert found.flag_names == ("HAD_USERINFO", "HAD_FRAGMENT", "HAD_TRACKING")
    assert normalize_url("../c", base="http://b.co.uk/a/d").url == "http://b.co.uk/c"


def test_a_refused_url_gives_its_reason_alone() -> None:
    found = normalize_url("mailto:a@b.com")
    assert found.reason is UrlReason.SCHEME
    assert (found.url, found.url_id, found.flags, found.flag_names) == (None, None, None, ())


def test_the_result_is_frozen() -> None:
    with pytest.raises(AttributeError):
        normalize_url("http://a.com").url = ""  # type: ignore[misc]  # which is what is tested


def test_published_names_are_those_of_the_core() -> None:
    assert [(flag.name, flag.value) for flag in UrlFlag] == [(name, bits) for name, bits, _ in url_flags()]
    assert [reason.value for reason in UrlReason] == [name for name, *_ in url_reasons()]


@pytest.mark.parametrize("given", [None, 1, b"http://a.com", ["http://a.com"]])
def test_what_is_no_text_is_refused(given: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match=f"text is of type {type(given).__name__}, wanted str"):
        normalize_url(given)
    if given is not None:
        with pytest.raises(TypeError, match="base is of type"):
            normalize_url("a", given)


def test_another_suffix_list_is_used_at_once(tmp_path: Path) -> None:
    path = tmp_path / "list.dat"
    rules = [f"r{number}.example" for number in range(200)]
    path.write_text("\n".join(["com", "b.com", *rules]), "utf-8")
    assert normalize_url("http://a.b.com", public_suffix_list=path).domain == "a.b.com"
    path.write_text("\n".join(["com", *rules, "longer.example"]), "utf-8")
    assert normalize_url("http://a.b.com", public_suffix_list=path).domain == "b.com"
    assert (
        normalize_urls(["http://a.b.com"], public_suffix_list=str(path)).field("domain")[0].as_py() == "b.com"
    )


def test_the_list_says_which_it_is() -> None:
    normalizer = UrlNormalizer("com\nuk\nco.uk\n")
    assert normalizer.suffixes_rules == 3
    assert normalizer.suffixes_version.startswith("unversioned-")
    assert UrlNormalizer("// VERSION: 7\ncom").suffixes_version == "7"
    with pytest.raises(ValueError, match="holds no rule"):
        UrlNormalizer("")


def test_urltestdata_holds_at_level_whatwg() -> None:
    usable = cases("urltestdata.json")
    assert len(usable) >= 891
    for case in usable:
        found = normalize_url(case["input"], case["base"], "whatwg")
        assert found.url == case.get("href"), case
        assert (found.reason is None) == (not case.get("failure")), case
        if found.host is not None:
            assert found.host == case["hostname"], case
    columns = normalize_urls([case["input"] for case in usable], [case["base"] for case in usable], "whatwg")
    assert columns.field("url").to_pylist() == [case.get("href") for case in usable]


@pytest.mark.parametrize(("name", "least"), [("toascii.json", 87), ("IdnaTestV2.json", 2_668)])
def test_hosts_hold_at_level_whatwg(name: str, least: int) -> None:
    usable = [case for case in cases(name) if case["input"]]
    assert len(usable) >= least
    found = normalize_urls([f"https://{case['input']}/x" for case in usable], level="whatwg")
    wanted = [None if case["output"] is None else f"https://{case['output']}/x" for case in usable]
    assert found.field("url").to_pylist() == wanted


def test_an_explanation_ends_where_normalising_does() -> None:
    url = " HTTPS://u@WWW.A.com.:443/b/../%7ec//;jsessionid=1/index.html?z=1&&y&utm_id=2#d"
    for level in LEVELS:
        told = explain_url(url, level=level)
        assert told.outcome == normalize_url(url, level=level)
        assert told.cluster_form == normalize_url(url, level="cluster").url
        levels = [LEVELS.index(change.level) for change in told.changes]
        assert levels == sorted(levels)
        assert max(levels) <= LEVELS.index(level)
    rules = [rule for change in explain_url(url, level="cluster").changes for rule in change.rules]
    assert rules[:5] == ["P1", "P2", "P4", "P7", "P10"]
    assert {"P8", "P6", "P9", "P15", "P11", "P12", "P14", "P21", "P19", "P17", "P20", "P16"} <= set(rules)


@pytest.mark.parametrize("name", ["linktide.url", "linktide.url.scalar", "linktide.url.columns"])
def test_the_examples_of_the_docstrings_hold(name: str) -> None:
    result = doctest.testmod(import_module(name))
    assert (result.failed, result.attempted > 0) == (0, True)


def test_the_package_loads_nothing_until_it_is_asked() -> None:
    seen = "import linktide, sys; print(sorted({'pyarrow', 'linktide._core'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
    assert all(hasattr(linktide, name) for name in linktide.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        linktide.nothing  # noqa: B018
