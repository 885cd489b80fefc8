"""Levels and options of the URL policy, checked before any URL is looked at."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Level: TypeAlias = Literal["whatwg", "safe", "index", "cluster"]
LEVELS: tuple[Level, ...] = ("whatwg", "safe", "index", "cluster")


class UrlOptions(TypedDict, total=False):
    """The options of `normalize_url` and `normalize_urls`. All are off by default."""

    ftp: bool
    """Take ftp URLs as http(s) ones are taken."""
    assume_scheme: Literal["http", "https"] | None
    """Read a text without a scheme, where no base is given, as beginning with a host."""
    keep_hashbang: bool
    """Keep a fragment that begins with `!`."""
    keep_hashroute: bool
    """Keep a fragment that begins with `/`."""
    max_output_bytes: int
    """Refuse a longer normalised URL as TOO_LONG; 8,192 bytes by default, at most 262,144."""
    reject_private: bool
    """Refuse hosts that are private addresses or local names as PRIVATE."""
    unwrap_redirects: bool
    """Put the target in the place of a known redirect page."""
    unwrap_amp: bool
    """Put the target in the place of a known AMP cache or viewer page."""
    extra_tracking: Iterable[str]
    """Further names of tracking parameters, or their beginnings and a `*`."""
    public_suffix_list: str | PathLike[str] | None
    """A `public_suffix_list.dat`; that of the publicsuffixlist package by default."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Level and options of one call, checked for their types; the core checks their values."""

    level: str = "index"
    ftp: bool = False
    assume_scheme: str | None = None
    keep_hashbang: bool = False
    keep_hashroute: bool = False
    max_output_bytes: int = 8192
    reject_private: bool = False
    unwrap_redirects: bool = False
    unwrap_amp: bool = False
    extra_tracking: tuple[str, ...] = ()


def read_options(level: object, **options: Unpack[UrlOptions]) -> tuple[Choice, str | None]:
    """Return the checked choice, and the path of the public suffix list if one is given.

    Raises TypeError for an unknown option or a value of a wrong type, ValueError for an unknown level.
    """
    if not isinstance(level, str):
        raise TypeError(f"level is {_told(level)}, wanted one of {', '.join(LEVELS)}")
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}, wanted one of {', '.join(LEVELS)}")
    values: dict[str, object] = dict(options)
    path = values.pop("public_suffix_list", None)
    if path is not None and not isinstance(path, str | PathLike):
        raise TypeError(f"public_suffix_list is {_told(path)}, wanted a path")
    _check_names(values)
    if "extra_tracking" in values:
        values["extra_tracking"] = _names(values["extra_tracking"])
    return Choice(level, **_checked(values)), None if path is None else fspath(path)


def _check_names(values: Mapping[str, object]) -> None:
    known = [field.name for field in fields(Choice)][1:]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" (do you mean {near[0]}?)" if near else ""
            wanted = ", ".join([*known, "public_suffix_list"])
            raise TypeError(f"{name!r} is no option{hint}; wanted {wanted}")


def _checked(values: Mapping[str, object]) -> dict[str, Any]:
    for name, value in values.items():
        if name == "assume_scheme":
            is_good, wanted = value is None or isinstance(value, str), "'http', 'https' or None"
        elif name == "max_output_bytes":
            is_good, wanted = isinstance(value, int) and not isinstance(value, bool), "a number of bytes"
            if is_good and isinstance(value, int) and value < 1:
                raise ValueError(f"max_output_bytes is {value}, wanted 1 to 262144")
        else:
            is_good, wanted = isinstance(value, bool | tuple), "True or False"
        if not is_good:
            raise TypeError(f"{name} is {_told(value)}, wanted {wanted}")
    return dict(values)


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        raise TypeError(f"extra_tracking is {_told(value)}, wanted a list of names")
    names = tuple(value)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"extra_tracking holds {_told(name)}, wanted names")
    return names


def _told(value: object) -> str:
    """Name a value that is not what was wanted, by its type, and shortly by itself."""
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"  # noqa: PLR2004
