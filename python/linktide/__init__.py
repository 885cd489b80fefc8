"""linktide: a self-hosted, live backlink index.

For programs of your own: `connect` asks an index by SQL, see `linktide.connection`; `normalize_urls` and
`normalize_url` are its URL identity, see `linktide.url`; `AuthorityGraph` is authority that follows every
link of a graph of yours, see `linktide.authority`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linktide.authority import AuthorityGraph
    from linktide.connection import Connection, connect
    from linktide.result import Result
    from linktide.url import UrlFlag, UrlReason, explain_url, normalize_url, normalize_urls

__all__ = [
    "AuthorityGraph",
    "Connection",
    "Result",
    "UrlFlag",
    "UrlReason",
    "connect",
    "explain_url",
    "normalize_url",
    "normalize_urls",
]

_ROOMS = {
    "AuthorityGraph": "linktide.authority",
    "Connection": "linktide.connection",
    "Result": "linktide.result",
    "connect": "linktide.connection",
}


def __getattr__(name: str) -> object:
    """Load a module when one of its names is first asked for, so that the command line starts fast."""
    if name not in __all__:
        raise AttributeError(f"module 'linktide' has no attribute {name!r}")
    return getattr(import_module(_ROOMS.get(name, "linktide.url")), name)
