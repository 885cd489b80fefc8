"""The public suffix list in force for a new database."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from linktide.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_VERSION_LINE = "// VERSION:"
_HEAD_LINES = 50


def read_suffix_list(path: Path | None) -> tuple[str, str]:
    """Return (text, version) of the list at `path`, or of the one the publicsuffixlist package carries.

    Raises ConfigError if it cannot be read.
    """
    try:
        if path is None:
            text = files("publicsuffixlist").joinpath("public_suffix_list.dat").read_text("utf-8")
        else:
            text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The public suffix list {path or 'of the publicsuffixlist package'} cannot be read ({error}); "
            "set public_suffix_list to a readable file."
        ) from error
    head = text.splitlines()[:_HEAD_LINES]
    version = next((line for line in head if line.startswith(_VERSION_LINE)), "")
    return text, version.removeprefix(_VERSION_LINE).strip() or "unknown"
