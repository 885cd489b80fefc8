"""The words of anchors, in SQL, beside those that Python's Unicode tables give."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linktide.store.migrate import views_sql
from oracle.mine import words_of

FIRST_SURROGATE, LAST_SURROGATE = 0xD800, 0xDFFF
FIRST_OLD_CYRILLIC, LAST_OLD_CYRILLIC = 0x1C80, 0x1C88


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("CREATE SCHEMA internal")
    text = views_sql()
    begin = text.index("CREATE OR REPLACE MACRO internal.words")
    made.execute(text[begin : text.index(";", begin)])
    return made


def words(connection: duckdb.DuckDBPyConnection, texts: list[str]) -> list[str]:
    given_texts = pa.table({"place": range(len(texts)), "text": texts})
    assert given_texts.num_rows == len(texts)
    rows = connection.execute("SELECT internal.words(text) FROM given_texts ORDER BY place").fetchall()
    return [row[0] for row in rows]


def folded(letter: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", letter).casefold())


def test_every_character_that_folds_to_one_is_folded(connection: duckdb.DuckDBPyConnection) -> None:
    letters = [
        chr(code)
        for code in range(1, 0x110000)
        if not FIRST_SURROGATE <= code <= LAST_SURROGATE
        and unicodedata.category(chr(code)) not in {"Cn", "Co"}
        and len(folded(chr(code))) == 1
        # What lower case does not unite: Cherokee, variants of old Cyrillic, one Greek mark.
        and not unicodedata.name(chr(code), "").startswith(("CHEROKEE", "COMBINING GREEK YPOGEGRAMMENI"))
        and not FIRST_OLD_CYRILLIC <= code <= LAST_OLD_CYRILLIC
    ]
    found = dict(zip(letters, words(connection, letters), strict=True))
    assert {one: told for one, told in found.items() if told != " ".join(words_of(one))} == {}
    assert len(found) > 100_000


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BUY  Cheap-Shoes!", "buy cheap shoes"),
        ("\uff22\uff55\uff59\u3000\uff23heap", "buy cheap"),
        ("\U0001d41b\U0001d42e\U0001d432", "BUY"),
        ("Straße", "STRASSE"),
        ("ΟΔΟΣ", "οδος"),
        ("Cafe\u0301", "café"),
        ("ﾀﾞｲｴｯﾄ", "ダイエット"),
        ("買い物・安い", "買い物 安い"),
        ("x²", "X2"),
    ],
)
def test_ways_to_write_the_same(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> None:
    assert len(set(words(connection, [one, other]))) == 1


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(alphabet=st.sampled_from("aZé É-_'ßΣς漢ひｱÄ!1. \t\u3000"), max_size=12), max_size=20))
def test_texts_have_the_words_of_the_model(connection: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    assert words(connection, texts) == [" ".join(words_of(one)) for one in texts]


def test_generic_anchors_stand_as_their_words_and_once(connection: duckdb.DuckDBPyConnection) -> None:
    text = views_sql()
    begin = text.index("CREATE VIEW internal.generic_anchors")
    connection.execute(text[begin : text.index(";", begin)])
    rows = connection.execute("SELECT words, internal.words(words) FROM internal.generic_anchors").fetchall()
    assert [one for one, _ in rows] == [other for _, other in rows]
    assert len({one for one, _ in rows}) == len(rows) > 200


def abnormal_texts() -> list[str]:
    """Letters that have another normal form, pairs that are one, neighbouring marks in the wrong order."""
    letters = [chr(code) for code in range(0x80, 0x110000) if not FIRST_SURROGATE <= code <= LAST_SURROGATE]
    parts = [unicodedata.normalize("NFD", letter) for letter in letters]
    marks = [letter for letter in letters if unicodedata.combining(letter)]
    pairs = [max(pair, pair[::-1], key=lambda of: unicodedata.combining(of[0])) for pair in pairwise(marks)]
    texts = [*letters, *(text for text in parts if len(text) > 1), *(f"a{one}{two}" for one, two in pairs)]
    return [text for text in texts if unicodedata.normalize("NFC", text) != text]


def test_no_text_that_has_another_normal_form_is_left_as_it_is(connection: duckdb.DuckDBPyConnection) -> None:
    texts = abnormal_texts()
    normal = [unicodedata.normalize("NFC", text) for text in texts]
    assert words(connection, texts) == words(connection, normal)
    assert len(texts) > 10_000
