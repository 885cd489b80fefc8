"""URL normalisation for notebooks and other programs: whole Arrow columns, or one URL.

The policy is that of the index, at four levels; docs/urls.md has every rule, option, flag and reason.

>>> import linktide
>>> linktide.normalize_url("HTTP://www.Example.com:80/a/../b?utm_source=x#top").url
'http://www.example.com/b'
"""

from __future__ import annotations

from linktide.url.columns import normalize_urls
from linktide.url.flags import UrlFlag, UrlReason
from linktide.url.options import LEVELS, Level, UrlOptions
from linktide.url.scalar import NormalizedUrl, UrlChange, UrlExplanation, explain_url, normalize_url

__all__ = [
    "LEVELS",
    "Level",
    "NormalizedUrl",
    "UrlChange",
    "UrlExplanation",
    "UrlFlag",
    "UrlOptions",
    "UrlReason",
    "explain_url",
    "normalize_url",
    "normalize_urls",
]
