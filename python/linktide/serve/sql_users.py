"""The users of the SQL endpoint: a file of names, roles and SCRAM verifiers, never a password."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linktide.errors import ConfigError
from linktide.serve.private_file import write_private
from linktide.store.gate import Role

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ITERATIONS = 4_096
"""As PostgreSQL: clients compute as much at every login."""
_MOST_ITERATIONS = 1_000_000
_SALT_BYTES = 16
_KEY_BYTES = 32
_NAME = re.compile(r"[^\s:#][^\s:]{0,62}")
_VERIFIER = re.compile(r"SCRAM-SHA-256\$(\d{1,7}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")
_WANTED = "wanted NAME ROLE SCRAM-SHA-256$…, as `linktide sql-user` writes it"
_HEAD = "# Users of the SQL endpoint: NAME ROLE VERIFIER, written by `linktide sql-user`.\n"


@dataclass(frozen=True, slots=True, repr=False)
class SqlUser:
    """One user, and what proves the password without being it."""

    name: str
    role: Role
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes

    @property
    def line(self) -> str:
        """The user's line of the file, the verifier in PostgreSQL's own form."""
        salt, stored, server = (
            base64.b64encode(part).decode("ascii") for part in (self.salt, self.stored_key, self.server_key)
        )
        return f"{self.name} {self.role} SCRAM-SHA-256${self.iterations}:{salt}${stored}:{server}"


def make_user(name: str, role: Role, password: str, salt: bytes | None = None) -> SqlUser:
    """Return a user with the verifier of a password (RFC 5802). Raises ConfigError for no such name."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no user name; wanted up to 63 characters, no spaces, no ':', no '#' first."
        )
    if not password:
        raise ConfigError("The password is empty; wanted at least one character.")
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password).encode(), salt, ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    return SqlUser(name, role, salt, ITERATIONS, stored_key, hmac.digest(salted, b"Server Key", "sha256"))


def read_users(path: Path) -> tuple[SqlUser, ...]:
    """Read the file. Raises ConfigError naming it, the line and what is wanted; the verifier is not told."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError(
            f"sql.users_file {path} cannot be read ({reason}); make it by `linktide sql-user NAME`."
        ) from error
    users: dict[str, SqlUser] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        user = _read(line)
        if user is None:
            raise ConfigError(f"sql.users_file {path}, line {number}, is no user; {_WANTED}.")
        if user.name in users:
            raise ConfigError(
                f"sql.users_file {path}, line {number}: {user.name} stands there twice; keep one."
            )
        users[user.name] = user
    return tuple(users.values())


def write_users(path: Path, users: Sequence[SqlUser]) -> None:
    """Write the file at once or not at all, readable by its owner alone. Raises OSError."""
    write_private(path, _HEAD + "".join(f"{user.line}\n" for user in users), is_lasting=True)


def _read(line: str) -> SqlUser | None:
    parts = line.split()
    if len(parts) != 3 or not _NAME.fullmatch(parts[0]) or parts[1] not in set(Role):  # noqa: PLR2004 - as told
        return None
    match = _VERIFIER.fullmatch(parts[2])
    if match is None:
        return None
    try:
        salt, stored, server = (base64.b64decode(part, validate=True) for part in match.groups()[1:])
    except binascii.Error:
        return None
    iterations = int(match[1])
    is_sound = (
        salt and len(stored) == len(server) == _KEY_BYTES and ITERATIONS <= iterations <= _MOST_ITERATIONS
    )
    return SqlUser(parts[0], Role(parts[1]), salt, iterations, stored, server) if is_sound else None


def _prepared(password: str) -> str:
    """Return the password as SASLprep (RFC 4013) has it; where that forbids it, as it is."""
    mapped = "".join(
        " " if stringprep.in_table_c12(one) else one for one in password if not stringprep.in_table_b1(one)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    forbidden = (
        stringprep.in_table_a1, stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3,
        stringprep.in_table_c4, stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7,
        stringprep.in_table_c8, stringprep.in_table_c9,
    )  # fmt: skip
    if not prepared or any(test(one) for one in prepared for test in forbidden):
        return password
    if any(map(stringprep.in_table_d1, prepared)):
        ends = stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])
        if not ends or any(map(stringprep.in_table_d2, prepared)):
            return password
    return prepared
