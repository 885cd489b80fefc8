"""docs/python.md: its examples run, and what it names is there."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connection.indexes import LINKS, serving
from linktide import errors
from linktide.result import Result

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path):
        pass
    (tmp_path / "links.duckdb").rename(tmp_path / "linktide.duckdb")
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(code, scope)  # noqa: S102  # it is the example of our own page
    assert scope["table"].num_rows == LINKS
    assert len(scope["hosts"]) == LINKS
    assert scope["first"] == ("site-0.example",)


def test_the_calls_named_are_those_there_are() -> None:
    own = {name for name, _ in inspect.getmembers(Result) if not name.startswith("_")} - {"close"}
    told = PAGE.split("## Results")[1].split("\n\n`arrow`")[0]
    assert set(re.findall(r"`(\w+)(?:\([a-z]*\))?`", told)) - {"RecordBatchReader"} == own


def test_the_errors_and_links_named_exist() -> None:
    table = PAGE.split("## Errors")[1]
    for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        module: Any = errors
        for name in re.findall(r"`([\w.]+)`", row):
            if "." in name:
                module, name = import_module(name.rpartition(".")[0]), name.rpartition(".")[2]  # noqa: PLW2901
            assert issubclass(getattr(module, name), errors.LinktideError)
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists()
