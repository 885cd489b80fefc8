"""Makes hostile data harmless before it is printed: anchors and titles are written by strangers."""

from __future__ import annotations

import re

# Controls (C0, DEL, C1), surrogates, line and paragraph separators, and what re-orders or hides text.
# The joiners U+200C and U+200D stay: scripts and emoji need them and terminals do not obey them.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
# What a spreadsheet takes for the beginning of a formula, full-width forms included.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BMP_MAX = 0xFFFF


def plain_text(text: str) -> str:
    r"""Return `text` on one line, with everything a terminal would obey written out as \x1b or \u202e."""
    return _UNSAFE.sub(_written_out, text)


def plain_cell(text: str) -> str:
    """Return `text` as a CSV cell no spreadsheet evaluates: a quote goes before what looks like a formula."""
    cell = plain_text(text)
    return f"'{cell}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else cell


def plain_json(document: str) -> str:
    """Return a JSON document with the same meaning and nothing in it that a terminal obeys.

    Line ends between values stay; inside strings JSON has escaped them already.
    """
    return _UNSAFE.sub(lambda match: match[0] if match[0] == "\n" else _json_escape(match[0]), document)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(match[0])
    if short is not None:
        return short
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code <= _BMP_MAX else f"\\U{code:08x}"  # noqa: PLR2004 - one byte


def _json_escape(char: str) -> str:
    if ord(char) <= _BMP_MAX:
        return f"\\u{ord(char):04x}"
    high, low = divmod(ord(char) - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
