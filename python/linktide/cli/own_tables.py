"""Own tables for the commands: the file is read here, the rows go to the service or into the stopped file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from linktide.errors import LinktideError
from linktide.remote import RunningService, find_service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linktide.config import Config
    from linktide.table_files import OpenedFiles


@dataclass(frozen=True, slots=True)
class Loaded:
    """A table that was loaded, or unloaded."""

    name: str
    rows: int
    bytes: int
    """As Arrow."""


def load(  # noqa: PLR0913 - what the command takes
    config: Config, name: str, files: Sequence[str], mode: str, *, is_text: bool, encoding: str | None
) -> Loaded:
    """Load files as an own table, through the running service if there is one; all of it or nothing."""
    room, store = import_module("linktide.table_files"), import_module("linktide.store.own_tables")
    store.check_name(name)
    paths = room.found_files(files)
    service = find_service(config)
    types = None
    if mode == "append" and name in {str(one["name"]) for one in own_tables(config)}:
        types = _columns(config, name)
    with room.opened_files(paths, room.Reading(is_text, encoding, types)) as opened:
        if service is not None:
            with service:
                return _load_running(service, name, mode, opened)
        loading = import_module("linktide.offline").load_stopped(config, name, mode, opened)
        return Loaded(name, loading.rows, loading.size_bytes)


def unload(config: Config, name: str) -> Loaded:
    """Drop an own table, through the running service if there is one."""
    service = find_service(config)
    if service is not None:
        with service:
            return _loaded(service.table_step("unload", name=name))
    table = import_module("linktide.offline").unload_stopped(config, name)
    return Loaded(table.name, table.row_count, table.size_bytes)


def own_tables(config: Config) -> Sequence[Mapping[str, Any]]:
    """Return the own tables: name, rows, bytes and when they were loaded."""
    service = find_service(config)
    if service is not None:
        with service:
            told = service.status().get("own_tables", [])
            return told if isinstance(told, list) else []
    found: Sequence[Mapping[str, Any]] = import_module("linktide.offline").own_tables_stopped(config)
    return found


def _columns(config: Config, name: str) -> dict[str, str]:
    query = import_module("linktide.cli.session").query
    rows = query(config, f'DESCRIBE own."{name}"').to_pylist()
    return {row["column_name"]: row["column_type"] for row in rows}


def _load_running(service: RunningService, name: str, mode: str, opened: OpenedFiles) -> Loaded:
    token = str(service.table_step("begin", opened.empty, name=name, mode=mode)["token"])
    try:
        for rows in opened.slices():
            service.table_step("rows", rows, token=token)
        return _loaded(service.table_step("finish", token=token))
    except BaseException:
        with suppress(LinktideError):  # one that the service gave up already
            service.table_step("abandon", token=token)
        raise


def _loaded(told: Mapping[str, object]) -> Loaded:
    return Loaded(str(told["name"]), int(str(told["rows"])), int(str(told["bytes"])))
