"""Normalisers, one for each public suffix list and choice of options, kept while they are in use."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from linktide.errors import ConfigError
from linktide.index import UrlNormalizer
from linktide.suffixes import read_suffix_list
from linktide.url.options import LEVELS, read_options

if TYPE_CHECKING:
    from typing import Unpack

    from linktide.url.options import Choice, UrlOptions


def normalizer_for(level: object, **options: Unpack[UrlOptions]) -> UrlNormalizer:
    """Return a normaliser for level and options, with the public suffix list as the file is now.

    A changed file is read anew. Raises TypeError and ValueError for a level, an option or a list that cannot
    be used.
    """
    if options or not isinstance(level, str):
        choice, path = read_options(level, **options)
    else:
        choice, path = _choice_of(level), None
    name = path or _package_list()
    try:
        found = os.stat(name)  # noqa: PTH116  # a Path for each URL costs more than normalising it
    except OSError as error:
        raise ValueError(
            f"public_suffix_list is {name!r}, which cannot be read ({error.strerror})"
        ) from error
    return _normalizer(choice, name, (found.st_mtime_ns, found.st_size, found.st_ino))


@lru_cache(maxsize=len(LEVELS))
def _choice_of(level: str) -> Choice:
    return read_options(level)[0]


@lru_cache(maxsize=1)
def _package_list() -> str:
    return str(files("publicsuffixlist").joinpath("public_suffix_list.dat"))


@lru_cache(maxsize=16)
def _normalizer(choice: Choice, path: str, state: tuple[int, int, int]) -> UrlNormalizer:
    """Make one; `state` changes with the file, so that a new list is a new normaliser."""
    del state
    try:
        text = read_suffix_list(Path(path)).text
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return UrlNormalizer(text, **asdict(choice))
