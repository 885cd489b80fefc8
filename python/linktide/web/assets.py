"""What a page loads besides its HTML: style, scripts and the plotting library, shipped with the package."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_VERSION_LENGTH: Final = 12


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    name: str
    content: bytes
    media_type: str

    @property
    def version(self) -> str:
        """Changes with the content: an address that carries it may be kept for ever."""
        return hashlib.sha256(self.content).hexdigest()[:_VERSION_LENGTH]


def assets() -> Mapping[str, Asset]:
    """Read all files that pages may load, by name; licences are not among them."""
    folder = resources.files(__package__).joinpath("static")
    found = {}
    for file in folder.iterdir():
        kind = _TYPES.get("." + file.name.rpartition(".")[2])
        if kind is not None:
            found[file.name] = Asset(file.name, file.read_bytes(), kind)
    return found
