"""The three fates of an error: retry, dead letter (made by the core, never raised), stop."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line, documented in docs/commands.md."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    CONFIG = 3
    SCHEMA_TOO_NEW = 4
    DATABASE_LOCKED = 5
    BROKER_UNREACHABLE = 6
    DATABASE_DAMAGED = 7
    DISK_FULL = 8
    REFUSED_QUERY = 9
    BOUND_VIOLATED = 10
    OUT_OF_MEMORY = 11


class LinktideError(Exception):
    """Base of all errors raised on purpose; its text is one sentence for the operator."""

    exit_code = ExitCode.FAILURE


class RetryError(LinktideError):
    """The world is briefly wrong: the caller waits and tries again."""


class StopError(LinktideError):
    """We are wrong, or a human must act: the service stops or refuses to start."""


class ConfigError(StopError):
    """A setting is unknown or has a value that cannot be used."""

    exit_code = ExitCode.CONFIG


class SchemaTooNewError(StopError):
    """The database was written by a newer linktide."""

    exit_code = ExitCode.SCHEMA_TOO_NEW


class DatabaseLockedError(StopError):
    """Another process holds the database file."""

    exit_code = ExitCode.DATABASE_LOCKED


class DatabaseDamagedError(StopError):
    """The database file or its WAL cannot be read."""

    exit_code = ExitCode.DATABASE_DAMAGED


class BrokerUnreachableError(RetryError):
    """The Kafka cluster does not answer, or refuses us."""

    exit_code = ExitCode.BROKER_UNREACHABLE


class DiskFullError(RetryError):
    """No room to write."""

    exit_code = ExitCode.DISK_FULL


class OutOfMemoryError(RetryError):
    """No memory to open or read the database."""

    exit_code = ExitCode.OUT_OF_MEMORY


class FreeSpaceError(StopError):
    """Less is free than `min_free_bytes`, and nobody waits for more."""

    exit_code = ExitCode.DISK_FULL


class ReadersBusyError(RetryError):
    """No reader is free, or reading is closed for a moment because the store reopens or stops."""


class FenceError(StopError):
    """The stored offset is not the one this process left: another writer was here."""


class AbandonedQueryError(LinktideError):
    """Who asked is gone: the statement was stopped, nobody waits for its answer."""


class RefusedQueryError(LinktideError):
    """The SQL gate refused or bounded a statement."""

    exit_code = ExitCode.REFUSED_QUERY


class UnknownNameError(RefusedQueryError):
    """A statement names what is none of the documented views."""
