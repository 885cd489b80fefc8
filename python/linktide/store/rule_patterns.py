"""Regular expressions of rules: whether each can be used, alone and among others, and what compiling costs.

Every query of kinds compiles each pattern and all of them as one. So what a pattern becomes is bounded by a
count of its text, which is the same on every machine and at every load.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import duckdb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

MAX_PATTERN_CHARACTERS: Final = 500
MAX_PATTERN_SIZE: Final = 5_000
"""Of one pattern, by `pattern_size`: some ten milliseconds to compile."""
MAX_PATTERNS_SIZE: Final = 50_000
"""Of all patterns of a file together."""
_UNICODE_SIZE: Final = 1_000
r"""Of a class such as \p{L}: hundreds of ranges of code points, each of several bytes."""
_CLASS_SIZE: Final = 5
_OPTIONAL_SIZE: Final = 20
"""Of each repetition that may be left out: each is a way to the end, and RE2 follows all of them."""
_TOKEN: Final = re.compile(
    r"""(?P<quoted>\\Q.*?(?:\\E|$))
    |(?P<unicode>\\[pP](?:\{[^}]*\}|.?))
    |(?P<escape>\\(?:x\{[^}]*\}|.?))
    |(?P<class>\[\^?\]?(?:\[:[^\]]*:\]|\\[pP]\{[^}]*\}|\\.|[^\]\\])*\]?)
    |(?P<flags>\(\?[a-zA-Z-]*\))
    |(?P<open>\((?:\?(?:P?<[^>]*>|[a-zA-Z-]*:))?)
    |\{(?P<least>\d+)(?P<more>,(?P<most>\d*))?\}
    |(?P<one>.)""",
    re.VERBOSE | re.DOTALL,
)
_OF_UNICODE: Final = re.compile(r"\\[pP]")


def joined(patterns: Sequence[str]) -> str:
    """Return a pattern that is found wherever one of some is."""
    return "|".join(f"(?:{pattern})" for pattern in patterns) or "^$"


def pattern_trouble(pattern: str, scratch: DuckDBPyConnection) -> str | None:
    """Return why a regular expression cannot be used, as the rest of a sentence; None if it can."""
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        return f"is longer than {MAX_PATTERN_CHARACTERS} characters"
    if not pattern.isprintable():
        return "holds a character that cannot be printed"
    if (size := pattern_size(pattern)) > MAX_PATTERN_SIZE:
        return f"has a size of {size:,} with its repetitions; wanted at most {MAX_PATTERN_SIZE:,}"
    if (trouble := _compiled(scratch, pattern)) is not None:
        return trouble
    # A quotation or a backslash that is left open takes what comes after it.
    if (trouble := _compiled(scratch, joined([pattern, "x"]))) is not None:
        return trouble
    is_found = scratch.execute("SELECT regexp_matches('', ?)", [pattern]).fetchall()[0][0]
    return "is found in every text" if is_found else None


def together_trouble(
    patterns: Sequence[str], ours: Sequence[str], scratch: DuckDBPyConnection
) -> tuple[int, str] | None:
    """Return the place of the first pattern that cannot be used with those before it and ours, and why.

    The reason is the rest of a sentence; None if all can be used. `patterns` each can be used alone.
    """
    size = 0
    for place, pattern in enumerate(patterns):
        size += pattern_size(pattern)
        if size > MAX_PATTERNS_SIZE:
            return place, (
                f"brings the patterns of the file to a size of {size:,} with their repetitions; "
                f"wanted at most {MAX_PATTERNS_SIZE:,}"
            )
    if (trouble := _compiled(scratch, joined([*patterns, *ours]))) is None:
        return None
    # What is wrong with some is wrong with more.
    sound, wrong = 0, len(patterns)
    while wrong - sound > 1:
        half = (sound + wrong) // 2
        found = _compiled(scratch, joined([*patterns[:half], *ours]))
        sound, wrong = (half, wrong) if found is None else (sound, half)
        trouble = found or trouble
    return wrong - 1, f"together with those before it {trouble}"


def pattern_size(pattern: str) -> int:
    r"""Return about how many steps a pattern is compiled to: its characters, each as often as it is repeated.

    A class counts as its characters, a class of Unicode (\p{L}) as a thousand, what may be left out as more.
    Text that is no pattern has a
    size, too.
    """
    sums, last = [0], 0
    for token in _TOKEN.finditer(pattern):
        text = token.group()
        if token["least"] is not None:
            times, optional = _repeated(token)
            sums[-1] += last * (times - 1) + optional * _OPTIONAL_SIZE
            last = last * times + optional * _OPTIONAL_SIZE
            continue
        if text == "?":
            sums[-1] += _OPTIONAL_SIZE
            last += _OPTIONAL_SIZE
            continue
        if token["open"] is not None:
            sums.append(0)
        elif text == ")" and len(sums) > 1:
            last = sums.pop()
            sums[-1] += last
            continue
        last = _size_of(token)
        sums[-1] += last
    return sum(sums)


def _repeated(token: re.Match[str]) -> tuple[int, int]:
    """Return how often what comes before a repetition counts, and how many of these may be left out."""
    least = int(token["least"])
    if token["more"] is None:
        return max(least, 1), 0
    if not token["most"]:
        return least + 1, 1
    most = int(token["most"])
    return max(least, most, 1), max(most - least, 0)


def _size_of(token: re.Match[str]) -> int:
    text = token.group()
    if token["unicode"] is not None:
        return _UNICODE_SIZE
    if token["class"] is not None:
        return max(_CLASS_SIZE, len(text)) + _UNICODE_SIZE * len(_OF_UNICODE.findall(text))
    if text == "." or token["escape"] is not None:
        return _CLASS_SIZE
    return 1 if token["open"] is not None else len(text)


def scratch_connection() -> DuckDBPyConnection:
    """Open a database in which patterns are tried, and nothing else can be."""
    return duckdb.connect(":memory:", config={"enable_external_access": False, "threads": 1})


def _compiled(scratch: DuckDBPyConnection, pattern: str) -> str | None:
    try:
        scratch.execute("SELECT regexp_matches('', ?)", [pattern]).fetchall()
    except duckdb.Error as error:
        return f"is no regular expression of RE2 ({str(error).splitlines()[0].rpartition(': ')[2]})"
    return None
