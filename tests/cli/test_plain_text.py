from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from linktide.plain import plain_cell, plain_json, plain_text

ANY_TEXT = st.text(st.characters(exclude_categories=[]))
OBEYED = {"Cc", "Cs", "Zl", "Zp"}
JOINERS = "\u200c\u200d"
# Format characters that only shape letters or number them; no terminal obeys them and nothing is re-ordered.
REORDERING = [
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
    "\u200e",
    "\u200f",
    "\u061c",
]


@given(ANY_TEXT)
def test_nothing_a_terminal_obeys_is_left(text: str) -> None:
    told = plain_text(text)
    assert not [char for char in told if unicodedata.category(char) in OBEYED]
    assert not set(told) & set(REORDERING)


@given(ANY_TEXT)
def test_neutralising_twice_is_neutralising_once(text: str) -> None:
    assert plain_text(plain_text(text)) == plain_text(text)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert plain_text(text) == text


def test_emoji_and_scripts_that_need_joiners_stay() -> None:
    assert plain_text(f"a{JOINERS}b") == f"a{JOINERS}b"


def test_what_is_dangerous_is_written_out() -> None:
    assert plain_text("a\x1b[2Jb") == "a\\x1b[2Jb"
    assert plain_text("a\n\r\tb") == "a\\n\\r\\tb"
    assert plain_text("\x9b31m\u202egpj.exe\U000e0041") == "\\x9b31m\\u202egpj.exe\\U000e0041"


@given(ANY_TEXT)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    cell = plain_cell(text)
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_formulas_get_a_quote_and_other_text_none() -> None:
    for start in "=+-@\t\r\uff1d":
        assert plain_cell(f"{start}cmd").startswith("'")
        assert plain_cell(f"  {start}cmd").startswith("'")
    assert plain_cell("1+1=2") == "1+1=2"


@given(
    st.recursive(ANY_TEXT | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner))
)
def test_json_keeps_its_meaning_and_loses_what_a_terminal_obeys(value: object) -> None:
    document = json.dumps(value, ensure_ascii=False)
    told = plain_json(document)
    assert json.loads(told) == json.loads(document)
    assert not [char for char in told if unicodedata.category(char) in OBEYED]
