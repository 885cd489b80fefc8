"""The tests of `linktide check`: each returns a sentence, or raises the error the service would end with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linktide.cli import session
from linktide.errors import ConfigError, ExitCode, LinktideError
from linktide.mine.files import Reading, read_file
from linktide.mine.keys import UrlKeys
from linktide.mine_desk import named_files
from linktide.remote import find_service
from linktide.serve.sql_users import read_users
from linktide.suffixes import misplaced, read_suffix_list, suffix_list_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linktide.config import Config


@dataclass(frozen=True, slots=True)
class Finding:
    """What one test found, in a sentence; `exit_code` is 0 if nothing is wrong."""

    name: str
    exit_code: ExitCode
    sentence: str


def findings(config: Config, *, is_online: bool) -> Iterator[Finding]:
    """Test one thing after the other; the brokers only if `is_online`."""
    yield _tried("configuration", lambda: _configuration(config))
    yield _tried("public suffix list", lambda: _public_suffix_list(config))
    if named_files(config):
        yield _tried("mine", lambda: _mine(config))
    yield _tried("database", lambda: _database(config))
    if config.sql_enabled:
        yield _tried("sql", lambda: _sql(config))
    if is_online:
        yield _tried("kafka", lambda: session.check_brokers(config))


def _tried(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, ExitCode.OK, look())
    except LinktideError as error:
        return Finding(name, error.exit_code, str(error))


def _configuration(config: Config) -> str:
    if config.config_path is None:
        return "no file is read; every variable and flag is known and valid."
    return f"{config.config_path} is read; every setting is known and valid."


def _public_suffix_list(config: Config) -> str:
    read = read_suffix_list(config.public_suffix_list)
    for sentence in misplaced(config, read):
        raise ConfigError(sentence)
    return f"{suffix_list_path(config.public_suffix_list)} is loaded (version {read.version})."


def _mine(config: Config) -> str:
    suffixes = read_suffix_list(config.public_suffix_list)
    # Keys are of no interest here, so any seed will do.
    reading = Reading(UrlKeys(suffixes.text, suffixes.version, 0), config.tracked_domains)
    read = [read_file(kind, path, reading) for (kind, _), path in named_files(config).items()]
    wrong = [one.refused_because for one in read if one.refused_because is not None]
    if wrong:
        raise ConfigError(" ".join(wrong))
    left_out = sum(one.refused_rows for one in read)
    rows = sum(len(one.rules) if one.rows is None else one.rows.num_rows for one in read)
    files_are = "1 file is" if len(read) == 1 else f"{len(read)} files are"
    return f"{files_are} read, {_rows(rows)}; {_rows(left_out)} {'is' if left_out == 1 else 'are'} left out."


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _sql(config: Config) -> str:
    port: int | None = config.sql_port
    service = find_service(config)
    if service is not None:
        with service:
            port = service.sql_port
        if port is None:
            return "the running service answers no SQL clients; sql.enabled holds from its next start."
    where = f"{config.sql_host} port {port}"
    if config.sql_users_file is None:
        return f"anybody on this machine may read by {where}; there is no sql.users_file."
    count = len(read_users(config.sql_users_file))
    way = "with TLS" if config.sql_tls_certfile is not None else "without TLS"
    return f"{count} users of {config.sql_users_file} may log in by {where}, {way}."


def _database(config: Config) -> str:
    service = find_service(config)
    if service is not None:
        with service:
            return f"{config.database} is open in the running service (pid {service.pid})."
    if config.database.exists():
        rows = session.query(config, "SELECT count(*) AS links FROM backlinks").to_pylist()
        return f"{config.database} can be opened; it holds {rows[0]['links']} live backlinks."
    folder = config.database.parent
    if not folder.is_dir():
        raise ConfigError(f"database is {config.database}; the folder {folder} does not exist.")
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"database is {config.database}; the folder {folder} may not be written to.")
    return f"{config.database} does not exist yet; it will be made."
