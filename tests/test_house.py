"""The house: sizes, rooms that do not know one another, one door to the core, nothing of a machine inside."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PRODUCT = ROOT / "python" / "linktide"
PYTHON_LINES, RUST_LINES, FUNCTION_LINES = 400, 500, 60
WRITTEN = ("python", "tests", "benches", "deploy")
ROOMS = ("sources", "store", "serve", "metrics", "web", "alerts", "cli")
GROUND = {
    "errors",
    "config",
    "config_checks",
    "config_layers",
    "config_names",
    "setting",
    "json_rows",
    "plain",
}
MAY_IMPORT = {
    # A room may look at the ground, at itself, and where the design gives it a window.
    "sources": {"sources"},
    "store": {"store", "sources.source"},
    "metrics": {"metrics"},
    "alerts": {"alerts"},
    "serve": {"serve", "store.catalogue", "store.gate", "store.reader", "web"},
    "web": {"web"},
    "url": {"url", "index", "suffixes"},
}
BANNED_NAMES = {"utils", "util", "helpers", "common", "misc"}


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def rust_files() -> list[Path]:
    return sorted((ROOT / "rust").rglob("*.rs"))


def lines_of(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_no_file_is_too_long() -> None:
    python = [path for path in python_files(*WRITTEN) if lines_of(path) > PYTHON_LINES]
    rust = [path for path in rust_files() if lines_of(path) > RUST_LINES]
    assert [*python, *rust] == []


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_function_is_too_long() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in python_files(*WRITTEN)
        for node in functions(path)
        if node.end_lineno is not None and node.end_lineno - node.lineno >= FUNCTION_LINES
    ]
    assert found == []


def test_no_file_is_a_drawer() -> None:
    files = [*python_files(*WRITTEN), *rust_files()]
    assert [path for path in files if path.stem in BANNED_NAMES or path.parent.name in BANNED_NAMES] == []


def imported(path: Path) -> set[str]:
    """Return what a product file imports of linktide at run time, as dotted names under it."""
    tree = ast.parse(path.read_text("utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "linktide":
            module = (node.module or "").removeprefix("linktide").lstrip(".")
            names |= {module} if module else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {a.name.removeprefix("linktide.") for a in node.names if a.name.startswith("linktide.")}
    return names


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_does_not_know_the_others(room: str) -> None:
    allowed = MAY_IMPORT[room] | GROUND
    found = {
        f"{path.relative_to(PRODUCT)} → {name}"
        for path in sorted((PRODUCT / room).rglob("*.py"))
        for name in imported(path)
        if not any(name == good or name.startswith(f"{good}.") for good in allowed)
    }
    assert found == set()


def test_the_ground_imports_no_room() -> None:
    for name in sorted(GROUND):
        assert imported(PRODUCT / f"{name}.py") <= GROUND, name


def test_one_door_to_the_core() -> None:
    found = [
        str(path.relative_to(PRODUCT))
        for path in python_files("python")
        if any(name == "_core" or name.startswith("_core.") for name in imported(path))
    ]
    assert found == ["index.py"]


@pytest.mark.parametrize("crate", ["linktide-core", "linktide-pgwire"])
def test_the_crates_behind_the_binding_know_no_python(crate: str) -> None:
    manifest = (ROOT / "rust" / crate / "Cargo.toml").read_text("utf-8")
    assert "pyo3" not in manifest


def test_nothing_names_a_machine_or_a_mirror() -> None:
    lock = (ROOT / "Cargo.lock").read_text("utf-8")
    sources = set(re.findall(r'^source = "([^"]+)"$', lock, re.MULTILINE))
    assert len(sources) == 1
    assert sources.pop().endswith("/crates.io-index")
