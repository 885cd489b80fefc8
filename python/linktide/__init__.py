"""linktide: a self-hosted, live backlink index.

For programs of your own: `AuthorityGraph`, authority that follows every link of a graph of yours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linktide.authority import AuthorityGraph

__all__ = ["AuthorityGraph"]


def __getattr__(name: str) -> object:
    # Loaded when asked for: commands that need no Arrow start without it.
    if name == "AuthorityGraph":
        from linktide.authority import AuthorityGraph  # noqa: PLC0415

        return AuthorityGraph
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
