"""docs/urls.md is written from the tables of the policy, and its example holds."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from linktide import normalize_url
from linktide.index import url_parameters, url_rules
from linktide.url.options import Choice, UrlOptions
from linktide.url.reference import urls_text

PAGE = (Path(__file__).parents[2] / "docs" / "urls.md").read_text("utf-8")


def test_the_page_is_what_the_tables_say() -> None:
    assert urls_text() == PAGE, "run: python -m linktide.url.reference docs"


def test_every_rule_has_a_vector_and_every_option_a_rule() -> None:
    rules = url_rules()
    assert [rule for rule, *_ in rules] == [f"P{number}" for number in range(1, 28)]
    assert all(vectors for *_, vectors in rules)
    named = {option for _, _, options, *_ in rules for option in options}
    assert named == set(UrlOptions.__annotations__) - {"public_suffix_list"}
    assert named == set(Choice.__slots__) - {"level"}


def test_every_vector_holds_through_the_library() -> None:
    for rule, *_, vectors in url_rules():
        for given, base, settings, kind, expected in vectors:
            options: dict[str, Any] = {}
            for setting in settings:
                name, _, value = setting.partition("=")
                options[name] = ast.literal_eval(value)
            found = normalize_url(given, base, **options)
            if kind in {"url", "reason", "domain"}:
                assert getattr(found, kind) == expected, (rule, given)
            elif kind == "flags":
                assert set(expected.split()) <= set(found.flag_names), (rule, given)
            else:
                is_same = found.cluster_key == normalize_url(expected).cluster_key
                assert is_same == (kind == "same_cluster"), (rule, given)


def test_every_dropped_parameter_has_a_page() -> None:
    rows = url_parameters()
    assert all(page.startswith("https://") for *_, page in rows)
    assert {how for *_, how, _ in rows} == {"read", "cited", "home"}


def test_the_example_runs() -> None:
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert code
    scope: dict[str, Any] = {}
    exec(code[1], scope)  # noqa: S102  # it is the example of our own page
    assert scope["table"]["url"].to_pylist() == ["http://www.example.co.uk/b", "https://example.com/c", None]
    assert scope["found"].flag_names == ("IP", "PRIVATE_IP", "HAD_FRAGMENT")
