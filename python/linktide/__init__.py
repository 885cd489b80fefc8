"""linktide: a self-hosted, live backlink index.

`normalize_urls` and `normalize_url` are its URL identity for other programs; see `linktide.url`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linktide.url import UrlFlag, UrlReason, explain_url, normalize_url, normalize_urls

__all__ = ["UrlFlag", "UrlReason", "explain_url", "normalize_url", "normalize_urls"]


def __getattr__(name: str) -> object:
    """Load `linktide.url` when one of its names is first asked for, so that the command line starts fast."""
    if name in __all__:
        return getattr(import_module("linktide.url"), name)
    raise AttributeError(f"module 'linktide' has no attribute {name!r}")
