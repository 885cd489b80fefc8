"""How one setting is declared and read: the readers of `config.py`'s table, each saying what it wants."""

from __future__ import annotations

import ipaddress
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import idna

if TYPE_CHECKING:
    from collections.abc import Callable

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

HIDDEN = "***"
BYTES = "bytes"
DOMAIN_SETS = "sets of domains"
_SIZE_NAMES = (
    ("B", 1),
    ("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30), ("TiB", 2**40),
    ("kB", 10**3), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12),
)  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d+)?) *([a-z]*)", re.ASCII)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_NAME_MAX_LENGTH = 253
_SET_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
DOMAIN_SETS_MAX = 8
_PORT_MAX = 65_535
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


@dataclass(frozen=True, slots=True)
class Reader(Generic[T_co]):
    """Turns what a file, a variable or a flag says into a value; `parse` raises ValueError if it cannot."""

    type_name: str
    wanted: str
    """Completes the sentence "wanted …"."""
    parse: Callable[[object], T_co]


@dataclass(frozen=True, slots=True)
class Declared:
    """What a field of `Config` carries as metadata."""

    reader: Reader[object]
    help: str
    is_secret: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table of settings, as documentation, `init` and `check` show it."""

    name: str
    section: str | None
    """The TOML section it is written in; None for the top of the file."""
    default: object
    reader: Reader[object]
    help: str
    is_secret: bool

    @property
    def wanted(self) -> str:
        """Completes the sentence "wanted …"; where nothing is the default, an empty text is nothing."""
        return self.reader.wanted + ("; empty: not set" if self.default is None else "")

    @property
    def env_name(self) -> str:
        """The environment variable that sets it."""
        return "LINKTIDE_" + self.name.upper()

    @property
    def key(self) -> str:
        """The key inside its TOML section."""
        return self.name.removeprefix(f"{self.section}_") if self.section else self.name

    @property
    def toml_name(self) -> str:
        """The dotted TOML name."""
        return f"{self.section}.{self.key}" if self.section else self.name

    def shown(self, value: object) -> str:
        """Return a value as people should see it: secrets hidden, not set as nothing."""
        if value is None:
            return ""
        if self.is_secret:
            return HIDDEN
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, tuple):
            return ", ".join(_item_text(item) for item in value)
        return size_text(value) if isinstance(value, int) and self.reader.type_name == BYTES else str(value)

    def toml(self, value: object) -> str:
        """Return a value as TOML; not set becomes an empty text, which `config.load` reads as not set."""
        if isinstance(value, int) and self.reader.type_name == BYTES:
            value = size_text(value)
        if self.reader.type_name == DOMAIN_SETS and isinstance(value, tuple):
            return "{" + ", ".join(f"{name} = {toml_text(names)}" for name, names in value) + "}"
        return toml_text(value)


def _item_text(item: object) -> str:
    """Write one item of a list; a named set as `name=a.com b.com`."""
    return f"{item[0]}={' '.join(item[1])}" if isinstance(item, tuple) else str(item)


def setting(default: T, reader: Reader[T], text: str, *, is_secret: bool = False) -> T:
    """Declare a field of `Config`; a secret stays out of its repr."""
    declared = Declared(reader, text, is_secret)
    return field(default=default, repr=not is_secret, metadata={"declared": declared})


def text() -> Reader[str]:
    """Read any text but an empty one."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or not value.strip() or "\x00" in value:
            raise ValueError
        return value

    return Reader("text", "a text", parse)


def path() -> Reader[Path]:
    """Read a path; `config.load` resolves it against the folder of the file that names it."""

    def parse(value: object) -> Path:
        if isinstance(value, Path):
            return value
        return Path(text().parse(value)).expanduser()

    return Reader("path", "a path", parse)


def paths() -> Reader[tuple[Path, ...]]:
    """Read a list of paths, or texts separated by commas; each is resolved as one path is."""

    def parse(value: object) -> tuple[Path, ...]:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, (list, tuple)):
            raise ValueError  # noqa: TRY004 - readers have one exception
        return tuple(dict.fromkeys(path().parse(item) for item in value))

    return Reader("list of paths", 'a list of paths such as ["pages.csv"]', parse)


def whole_number(low: int, high: int) -> Reader[int]:
    """Read an integer within bounds, both allowed."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError  # noqa: TRY004 - the caller turns a ValueError into a sentence
        number = int(value)
        if not low <= number <= high:
            raise ValueError
        return number

    return Reader("integer", f"a whole number from {low} to {high}", parse)


def number(low: float, high: float) -> Reader[float]:
    """Read a finite number within bounds, both allowed."""

    def parse(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError  # noqa: TRY004 - as above
        result = float(value)
        if not (math.isfinite(result) and low <= result <= high):
            raise ValueError
        return result

    return Reader("number", f"a number from {low:g} to {high:g}", parse)


def flag() -> Reader[bool]:
    """Read true or false."""

    def parse(value: object) -> bool:
        word = str(value).strip().lower()
        if isinstance(value, (bool, str)) and word in _TRUE | _FALSE:
            return word in _TRUE
        raise ValueError

    return Reader("true or false", "true or false", parse)


def size(low: int, high: int) -> Reader[int]:
    """Read bytes, as a whole number or with a unit: "64 MiB", "1 GB"."""

    def parse(value: object) -> int:
        if isinstance(value, str):
            match = _SIZE.fullmatch(value.strip().lower())
            units = {name.lower(): unit for name, unit in _SIZE_NAMES}
            if match is None or match[2] not in {"", *units}:
                raise ValueError
            value = int(float(match[1]) * units.get(match[2], 1))
        return whole_number(low, high).parse(value)

    wanted = f'bytes from {size_text(low)} to {size_text(high)}, such as 1048576 or "1 MiB"'
    return Reader(BYTES, wanted, parse)


def size_text(size_bytes: int) -> str:
    """Write bytes with the unit that leaves the shortest whole number: 67108864 as "64 MiB"."""
    exact = [(size_bytes // unit, name) for name, unit in _SIZE_NAMES if size_bytes % unit == 0]
    count, name = min(exact)
    return f"{count} {name}"


def choice(*words: str) -> Reader[str]:
    """Read one word of a fixed list; case does not matter."""

    def parse(value: object) -> str:
        if isinstance(value, str):
            for word in words:
                if word.lower() == value.strip().lower():
                    return word
        raise ValueError

    return Reader("choice", "one of " + ", ".join(words), parse)


def texts() -> Reader[tuple[str, ...]]:
    """Read a list of texts; in a variable or flag they are separated by commas."""
    return _many(text().parse, "list", "a list of texts")


def domains() -> Reader[tuple[str, ...]]:
    """Read a list of host names; Unicode names become their ASCII form, the form of the index."""
    return _many(parse_domain, "list of domains", 'a list of bare domains such as ["example.org"]')


def domain_sets() -> Reader[tuple[tuple[str, tuple[str, ...]], ...]]:
    """Read named sets of domains: a TOML table of lists; in a variable or flag `a=b.com c.com,d=e.com`.

    Sets come in the order of their names.
    """

    def parse(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
        if isinstance(value, str):
            value = [_named_set(part) for part in value.split(",") if part.strip()]
        if isinstance(value, (list, tuple)):
            value = dict(value)
        if not isinstance(value, dict) or len(value) > DOMAIN_SETS_MAX:
            raise ValueError
        if not all(_SET_NAME.fullmatch(name) for name in value):
            raise ValueError
        return tuple((name, domains().parse(value[name])) for name in sorted(value) if value[name])

    wanted = (
        f"at most {DOMAIN_SETS_MAX} named lists of bare domains such as "
        '{ travel = ["example.org"] }, or "travel=example.org example.net"'
    )
    return Reader(DOMAIN_SETS, wanted, parse)


def _named_set(part: str) -> tuple[str, list[str]]:
    name, equals, names = part.partition("=")
    if not equals:
        raise ValueError
    return name.strip(), names.split()


def parse_domain(value: object) -> str:
    """Check a domain name loosely and return it in lower-case ASCII; ValueError if it is none."""
    name = text().parse(value).strip().lower().removesuffix(".")
    if not name.isascii():
        name = idna.encode(name, uts46=True).decode("ascii")  # IDNAError is a ValueError
    labels = name.split(".")
    is_name = len(name) <= _NAME_MAX_LENGTH and all(_LABEL.fullmatch(label) for label in labels)
    if not is_name or len(labels) == 1 or labels[-1].isdigit():
        raise ValueError
    return name


def _many(parse_one: Callable[[object], str], type_name: str, wanted: str) -> Reader[tuple[str, ...]]:
    def parse(value: object) -> tuple[str, ...]:
        if isinstance(value, str):
            value = [part for part in value.split(",") if part.strip()]
        if not isinstance(value, (list, tuple)):
            raise ValueError  # noqa: TRY004 - as above
        # A value named twice counts once; the order stays.
        return tuple(dict.fromkeys(parse_one(item).strip() for item in value))

    return Reader(type_name, wanted, parse)


def is_loopback(name: str) -> bool:
    """Tell whether only this machine can reach an address; a name but localhost may lead anywhere."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def host() -> Reader[str]:
    """Read an address or a host name."""

    def parse(value: object) -> str:
        name = text().parse(value).strip().strip("[]")
        try:
            ipaddress.ip_address(name)
        except ValueError:
            if name != "localhost":
                parse_domain(name)
        return name

    return Reader("address", "an address such as 127.0.0.1, or a host name", parse)


def time_zone() -> Reader[str]:
    """Read the name of a time zone."""

    def parse(value: object) -> str:
        name = text().parse(value).strip()
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError):
            raise ValueError from None
        return name

    return Reader("time zone", "a time zone such as Europe/Paris", parse)


def web_address() -> Reader[str]:
    """Read an http or https URL."""

    def parse(value: object) -> str:
        address = text().parse(value).strip()
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError
        return address

    return Reader("URL", "a URL such as https://example.org/hook", parse)


def port() -> Reader[int]:
    """Read a TCP port; 0 lets the system choose."""
    return whole_number(0, _PORT_MAX)


def toml_text(value: object) -> str:
    """Write a value as TOML; None has no TOML form and becomes an empty text."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_text(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value!r}"
    # A JSON string without surrogate escapes is a TOML basic string.
    return json.dumps("" if value is None else str(value), ensure_ascii=False).replace("\x7f", "\\u007F")
