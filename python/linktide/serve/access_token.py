"""The token of the HTTP endpoint: read from a file, compared in constant time, sent as Bearer or Basic."""

from __future__ import annotations

import base64
import binascii
import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from linktide.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

LEAST_CHARACTERS: Final = 16
_MOST_BYTES: Final = 4096
_CHALLENGE: Final = 'Basic realm="linktide", charset="UTF-8"'


class AccessToken:
    """A secret that every request but those for health must carry."""

    challenge: Final = _CHALLENGE
    """What asks a browser for it: any user name, and the token as the password."""

    def __init__(self, text: str) -> None:
        # Hashed, so that neither its bytes nor its length show in the time that comparing takes.
        self._hash = sha256(text.encode("utf-8")).digest()

    def __repr__(self) -> str:
        """Say nothing of it."""
        return "AccessToken(…)"

    def admits(self, authorization: bytes) -> bool:
        """Tell whether a request with this Authorization header carries the token."""
        scheme, _, told = authorization.strip().partition(b" ")
        sent = told.strip()
        if scheme.lower() == b"basic":
            try:
                sent = base64.b64decode(sent, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != b"bearer":
            return False
        return hmac.compare_digest(sha256(sent).digest(), self._hash)


def read_token(path: Path) -> str:
    """Return the token of a file: its one line. Raises ConfigError, which never shows it."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError(f"The token cannot be read from http_token_file = {path} ({reason}).") from error
    if len(text) < LEAST_CHARACTERS or len(text) >= _MOST_BYTES or not text.isprintable() or " " in text:
        raise ConfigError(
            f"http_token_file = {path} holds no token; wanted one line of at least {LEAST_CHARACTERS} "
            "characters without spaces, such as `openssl rand -hex 32` writes."
        )
    return text
