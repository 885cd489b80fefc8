"""Files of reviews, and subjects: what they become, and by line why they cannot be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linktide.mine.cells import MineFileError
from linktide.mine.keys import UrlKeys
from linktide.mine.reviews import (
    MAX_REVIEWS,
    STATES,
    ReviewRefusedError,
    check_rows,
    checked,
    read_review_file,
)
from linktide.suffixes import read_suffix_list

if TYPE_CHECKING:
    from pathlib import Path

LIST = read_suffix_list(None)
KEYS = UrlKeys(LIST.text, LIST.version, 7)


def told(rows: object, **more: object) -> Any:  # noqa: ANN401 - subjects → fields
    said, by = checked({"reviews": rows, **more}, KEYS)
    return {one.subject: (one.subject_kind, dict(one.fields)) for one in said}, by


def subject_of(text: str, state: str = "remove") -> str:
    (found,) = told([{"subject": text, "state": state}])[0]
    return str(found)


def refusal(rows: object) -> str:
    with pytest.raises(ReviewRefusedError) as raised:
        checked({"reviews": rows}, KEYS)
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Spam.Example.", "spam.example"),
        (" spam.co.uk ", "spam.co.uk"),
        ("bücher.de", "xn--bcher-kva.de"),
        ("me.github.io", "me.github.io"),
        ("10.0.0.1", "10.0.0.1"),
        ("[::1]", "[::1]"),
        ("HTTPS://Spam.Example:443/a/../b?utm_source=x#top", "https://spam.example/b"),
        ("http://bücher.de/", "http://xn--bcher-kva.de/"),
    ],
)
def test_subjects_are_named_as_the_index_names_them(text: str, subject: str) -> None:
    assert subject_of(text) == subject
    assert subject_of(subject) == subject


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("www.spam.example", "wanted spam.example or a URL"),
        ("spam.example:8080", "wanted spam.example"),
        ("me@spam.example", "wanted spam.example"),
        ("spam.example?x", "wanted spam.example"),
        ("spam.example/page", "wanted a domain, or a URL with http:// or https://"),
        ("ftp://spam.example/", "is no URL"),
        ("no domain", "is no domain"),
        ("", "is empty"),
        ("x" * 9000 + ".com", "is longer than 8,192 characters"),
        ("a\x00.com", "cannot be printed"),
        (None, "is no text"),
    ],
)
def test_a_subject_that_is_none_is_refused_with_its_reason(text: object, reason: str) -> None:
    said = refusal([{"subject": text, "state": "remove"}])
    assert "line 1, column subject: " in said
    assert reason in said
    assert len(said) < 600


def test_a_public_suffix_is_not_disavowed() -> None:
    for name in ("co.uk", "github.io", "com"):
        assert subject_of(name, "remove") == name
        assert "is a public suffix" in refusal([{"subject": name, "state": "disavow"}])
    assert subject_of("10.0.0.1", "disavow") == "10.0.0.1"
    assert subject_of("https://github.io/x", "disavow") == "https://github.io/x"


def test_what_is_not_said_is_not_there_and_what_is_empty_is_taken_away() -> None:
    fields, by = told(
        [
            {"subject": "a.com", "state": "none"},
            {"subject": "b.com", "state": None, "note": " x ", "contact": ""},
            {"subject": "c.com", "note": None},
        ],
        noted_by="me",
    )
    assert by == "me"
    assert fields == {
        "a.com": ("domain", {"state": None}),
        "b.com": ("domain", {"state": None, "note": "x", "contact": None}),
        "c.com": ("domain", {"note": None}),
    }


def test_every_refusal_is_told_by_its_line() -> None:
    rows = [
        {"subject": "a.com", "state": "disavow", "line": 2},
        {"subject": "A.com.", "state": "remove", "line": 3},
        {"subject": "b.com", "line": 4},
        {"subject": "c.com", "state": "bad", "line": 5},
        {"subject": "www.d.com", "note": "x", "line": 6},
    ]
    said = refusal(rows)
    assert said.startswith(
        "Nothing is noted, 4 of 5 reviews cannot be: line 3, column subject: 'A.com.' stands"
    )
    assert [said.count(f"line {line}, ") for line in range(2, 7)] == [0, 1, 1, 1, 1]
    many = refusal([{"subject": f"www.spam{number}.com", "note": "x"} for number in range(150)])
    assert many.count("column subject") == 100
    assert many.endswith("and 50 more.")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reviews": {}},
        {"reviews": []},
        {"reviews": [{"subject": "a.com", "state": "remove"}], "by": "me"},
        {"reviews": [{"subject": "a.com", "state": "remove"}], "noted_by": 7},
        {"reviews": [{"subject": "a.com", "state": "remove"}], "noted_by": "x" * 201},
        {"reviews": [{"subject": "a.com", "state": "remove"}], "noted_by": "x\ny"},
        {"reviews": [None] * (MAX_REVIEWS + 1)},
    ],
)
def test_a_body_that_is_none_is_refused_whole(body: dict[str, object]) -> None:
    with pytest.raises(ReviewRefusedError):
        checked(body, KEYS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.dictionaries(
    st.sampled_from(["subject", "state", "note", "contact", "line", "x"]),
    JSON | st.sampled_from(["a.com", "https://a.com/", "www.a.com", *STATES, "none"]),
)


@settings(deadline=None)
@given(st.lists(ROWS | JSON, max_size=5))
def test_whatever_json_holds_is_said_or_refused(rows: list[object]) -> None:
    said, refusals = check_rows(rows, KEYS)
    assert len(said) + len(refusals) == len(rows)
    assert len({one.subject for one in said}) == len(said)
    for one in said:
        assert one.fields
        assert one.fields.get("state") in (None, *STATES)
        for text in one.fields.values():
            assert text is None or (text == text.strip() != "" and text.splitlines() == [text])


def written(folder: Path, content: bytes) -> Path:
    path = folder / "reviews.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_file_is_read_as_spreadsheets_write_it(tmp_path: Path, encoding: str, separator: str) -> None:
    lines = ["Domain,State,Note", "a.com,For Review,größer", "", "b.com,,=1+1", "c.com,none,"]
    text = "\r\n".join(line.replace(",", separator) for line in lines)
    rows, refusals = read_review_file(written(tmp_path, text.encode(encoding)))
    assert refusals == []
    assert [row["line"] for row in rows] == [2, 4, 5]
    assert told(rows)[0] == {
        "a.com": ("domain", {"state": "for_review", "note": "größer"}),
        "b.com": ("domain", {"note": "=1+1"}),
        "c.com": ("domain", {"state": None}),
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"subject,state\n", "has a header and no row below it"),
        (b"subject,state\n,\n\n", "has a header and no row below it"),
        (b"subject,stat\na.com,remove\n", "'stat' is not known"),
        (b"state\nremove\n", "subject is missing"),
        ("subject,note\na.com,größer\n".encode("latin-1"), "line 2: its bytes are no UTF-8"),
        (b"PK\x03\x04", "spreadsheet"),
        (b"subject,note\na.com,\0\n", "NUL"),
        (b'subject,note\na.com,"x\n', "is no CSV"),
        (b"subject,note\na.com," + b"x" * 10_000_000 + b"\n", "line 2: is no CSV (field larger than"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_whole(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(MineFileError, match=r"reviews\.csv") as raised:
        read_review_file(written(tmp_path, content))
    assert says in str(raised.value)


def test_no_more_of_a_long_text_is_repeated_than_tells_which_it_is(tmp_path: Path) -> None:
    long = "The owner said " + "x" * 9000
    _, refusals = read_review_file(written(tmp_path, f"subject,note\na.com,{long}\n".encode()))
    for said in (refusals[0].sentence(), refusal([{"subject": "a.com", "note": long}])):
        assert "'The owner said xxx" in said
        assert "…' is longer than 8,192 characters" in said
        assert said.count("x") == 40 - len("The owner said ")
    kept = "https://" + "y" * 150
    assert repr(kept) in refusal([{"subject": kept + " ", "state": kept}])


def test_rows_that_are_none_are_told_of(tmp_path: Path) -> None:
    content = b"subject,note\n,x\nb.com,y,z\nc.com," + b"x" * 9000 + b"\nd.com,good\n"
    rows, refusals = read_review_file(written(tmp_path, content))
    assert [row["line"] for row in rows] == [5]
    assert [(one.line, one.column) for one in refusals] == [(2, "subject"), (3, "-"), (4, "note")]
