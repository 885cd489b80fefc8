"""The JDBC driver of PostgreSQL, by a program that javac need not compile beforehand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from kafka_jars import cache_folder, fetch_jars
from sql_service import load_table, port_of, served

from linktide.store.public_names import MACROS, VIEWS

if TYPE_CHECKING:
    from pathlib import Path as Folder

_DRIVER = [("org.postgresql", "postgresql", "42.7.4")]
_PROGRAM = Path(__file__).parent / "Catalogue.java"


def _lacks() -> str | None:
    if shutil.which("java") is None or shutil.which("mvn") is None:
        return "java and mvn are not installed"
    modules = subprocess.run(["java", "--list-modules"], capture_output=True, text=True, check=False).stdout
    return None if "jdk.compiler" in modules else "this Java has no compiler"


@pytest.mark.slow
def test_jdbc_asks_and_reads(tmp_path: Folder) -> None:
    if reason := _lacks():
        pytest.skip(reason)
    jars = fetch_jars(cache_folder(), "jdbc", _DRIVER)
    with served(tmp_path) as service:
        load_table(service, "visits", pa.table({"page": ["x"], "visits": [1]}))
        url = f"jdbc:postgresql://127.0.0.1:{port_of(service)}/linktide"
        answer = subprocess.run(
            ["java", "-cp", f"{jars}/*", str(_PROGRAM), url],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert answer.returncode == 0, answer.stderr
    lines = [line.split("\t") for line in answer.stdout.splitlines()]
    told = {name: cells.split() for name, cells in lines}
    assert sorted(told["tables"]) == sorted(VIEWS)
    assert {"link_id:numeric", "source_url:text", "first_seen:timestamptz", "is_live:bool"} <= set(
        told["columns"]
    )
    assert told["own"] == ["visits:TABLE"]
    assert told["own_columns"] == ["page:text", "visits:int8"]
    assert all(told[name] == [] for name in ("keys", "indexes", "imported"))
    assert told["privileges"] == ["SELECT"]
    assert {"int4", "text", "timestamptz", "numeric", "bool"} <= set(told["types"])
    assert "public" in told["schemas"]
    assert told["catalogs"] == ["linktide"]
    assert sorted(told["functions"]) == sorted(MACROS)
    assert [cells for name, cells in lines if name == "prepared"] == [
        f"site-{run % 3}.example 2026-01-01T00:00:00Z true true" for run in range(8)
    ]
    assert told["fetched"] == [str(sum(range(10_500)))]
