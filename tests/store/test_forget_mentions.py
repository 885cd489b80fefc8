"""What names a domain or page in evidence and dead letters, and what names another one."""

from __future__ import annotations

import duckdb
import pytest

from linktide.store.forget import mention_of


def names(text: bytes, name: str, *, is_url: bool) -> bool:
    pattern = mention_of(name, is_url=is_url)
    rows = duckdb.execute(
        "SELECT regexp_matches(lower(CAST($bytes AS VARCHAR)), $pattern)", {"bytes": text, "pattern": pattern}
    ).fetchall()
    return bool(rows[0][0])


@pytest.mark.parametrize(
    "text",
    [
        "https://a.com/x",
        "HTTPS://WWW.A.COM",
        '{"host":"a.com"}',
        "a.com",
        "a.com.",
        "it was a.com, of course",
        "user@a.com:80",
        "https%3A%2F%2Fa.com%2Fx",
        r'{"url":"https:\/\/a.com\/x"}',
        r"line\na.com",
        r"https:\u002f\u002fa.com",
        "\na.com\t",
    ],
)
def test_a_domain_is_found_however_it_is_written(text: str) -> None:
    assert names(text.encode(), "a.com", is_url=False)


@pytest.mark.parametrize(
    "text", ["sofa.com", "x-a.com", "a_a.com", "a.com.br", "a.community", "ä.a.comx", "öa.com"]
)
def test_a_longer_name_is_another_one(text: str) -> None:
    assert not names(f"https://{text}/".encode(), "a.com", is_url=False)


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("https://a.com/p", True),
        ('"https://a.com/p"', True),
        ("https://a.com/p#part", True),
        ("https://a.com/page", False),
        ("https://a.com/p/2", False),
        ("https://a.com/p?x=1", False),
    ],
)
def test_of_a_page_its_own_url_is_found(text: str, is_it: bool) -> None:  # noqa: FBT001 - a table
    assert names(text.encode(), "https://a.com/p", is_url=True) is is_it
