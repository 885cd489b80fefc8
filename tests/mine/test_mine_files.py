"""Files of the section mine as people and programs write them, right and wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linktide.mine.cells import MAX_REFUSALS
from linktide.mine.files import KINDS, MineFile, Reading, read_file
from linktide.mine.keys import UrlKeys
from linktide.suffixes import read_suffix_list

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def reading() -> Reading:
    suffixes = read_suffix_list(None)
    return Reading(UrlKeys(suffixes.text, suffixes.version, 7), ("mine.org",))


def read(kind: str, folder: Path, content: str | bytes, reading: Reading) -> MineFile:
    path = folder / "told.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_file(kind, path, reading)


def rows(file: MineFile) -> list[dict[str, object]]:
    assert file.refused_because is None, file.refused_because
    assert file.rows is not None
    found: list[dict[str, object]] = file.rows.to_pylist()
    return found


A, U = "http://mine.org/a", "https://mine.org/%C3%BC"
PAGES = "url{s}published_at\nHTTP://Mine.org:80/a#x{s}2026-01-02\nhttps://mine.org/ü{s}\n"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_separators_and_encodings(
    tmp_path: Path, reading: Reading, separator: str, encoding: str, line_end: str
) -> None:
    text = PAGES.format(s=separator).replace("\n", line_end)
    key_of_a, key_of_u = reading.keys.pages([A, U]).to_pylist()
    of = {"domain_name": "mine.org", "title": None}
    assert rows(read("pages", tmp_path, text.encode(encoding), reading)) == [
        {"page_url": A, "published_at": datetime(2026, 1, 2, tzinfo=UTC), "page_key": key_of_a} | of,
        {"page_url": U, "published_at": None, "page_key": key_of_u} | of,
    ]


@pytest.mark.parametrize(
    ("kind", "content", "told"),
    [
        ("pages", "", "is empty"),
        (
            "pages",
            "link,date\nx,y\n",
            "line 1: the column 'link' is not known; wanted url, published_at, title",
        ),
        ("pages", "published_at\n2026-01-01\n", "line 1: the column url is missing"),
        ("pages", "url,url\na,b\n", "stands there twice"),
        ("pages", b"PK\x03\x04zip", "save the sheet as CSV"),
        ("pages", b"url\nhttps://mine.org/\xff\n", "line 2: its bytes are no UTF-8"),
        ("pages", "url\nhttps://mine.org/\0\n", "line 2: holds a NUL"),
        ("pages", 'url\n"https://mine.org/\n', "is no CSV"),
        ("pages", "url\nnone\nnor this\nhttps://mine.org/\n", "so are most of its 3 rows"),
        ("pages", "<!DOCTYPE x [<!ENTITY a 'b'>]><urlset/>", "a sitemap has no document type"),
        ("pages", "<urlset><url>", "is no XML"),
        ("pages", "<sitemapindex/>", "is an index of sitemaps"),
        ("blocklist", "co uk\n", "is no domain"),
        ("blocklist", "", "is empty; wanted a header with domain, or one domain a line"),
        ("blocklist", b"\xef\xbb\xbf \n\r\n", "is empty"),
        ("terms", "term,kind\nAcme,brand\n!!!,brand\n", "line 3, column term: '!!!' has no letter or digit"),
        ("terms", "term,kind\n™ 👩\u200d💻,money\n", "line 2, column term"),
        ("terms", "term,kind\nshoes,cash\n", "line 2, column kind: 'cash' is none of brand, money"),
        ("terms", "term,kind,domain\nshoes,money,:::\n", "line 2, column domain: ':::' is no domain"),
        ("campaigns", 'campaign,spend\na,"1.234,50"\n', "line 2, column spend: '1.234,50' is no number"),
        ("campaigns", "campaign,goal\na,-3\n", "column goal: '-3' is no whole number"),
        ("campaigns", "campaign\na\na\n", "line 3, column campaign: 'a' stands there twice"),
        (
            "markers",
            "marker,points\nhidden,5\nHidden,6\n",
            "line 3, column marker: 'hidden' stands there twice",
        ),
        (
            "markers",
            "marker,points\nburst,5\n",
            "line 2, column marker: 'burst' is none of citation_trust_ratio, ",
        ),
        ("markers", "marker,points\nhidden,101\n", "column points: '101' is no whole number from 0 to 100"),
        ("markers", "marker,points\nhidden,\n", "column points: '' is empty"),
        (
            "placements",
            "source_url,target_url\n=HYPERLINK(1),https://mine.org/\n",
            "line 2, column source_url",
        ),
        ("placements", "source_url,target_url\nhttps://a.com/,\n", "line 2, column target_url: '' is empty"),
        (
            "placements",
            "source_url,target_url,rel\nhttps://a.com/,https://mine.org/,dofollow\n",
            "is none of followed",
        ),
        (
            "placements",
            "source_url,target_url,paid_until\nhttps://a.com/,https://mine.org/,03/04/2026\n",
            "column paid_until: '03/04/2026' is no date",
        ),
        (
            "placements",
            "source_url,target_url,from,paid_until\nhttps://a.com/,https://mine.org/,2026-03-01,2026-02-28\n",
            "line 2, column paid_until: the link is paid for until 2026-03-01T00:00:00+00:00, before its",
        ),
        ("campaigns", "campaign,from\na,0001-01-01T00:00:00+23:00\n", "is no date"),
        ("campaigns", "campaign,until\na,9999-12-31\n", "is no date"),
        (
            "placements",
            "source_url,target_url\nhttps://a.com,https://mine.org/\n\nhttps://a.com/#x,https://mine.org/\n",
            "line 4: the link stands already in line 2",
        ),
        (
            "source_rules",
            "rule,source_kind,url\nmine,news,(\n",
            "line 2, column url: '(' is no regular expression",
        ),
        ("source_rules", "rule,source_kind,url\nm,news,/\\Qblog\n", "line 2, column url: '/\\\\Qblog' is no"),
        (
            "source_rules",
            "rule,source_kind,url\n" + "".join(f"r{n},news,/x{n}[a-z]{{800}}\n" for n in range(300)),
            "line 14: the rule 'r12' brings the patterns of the file to a size of",
        ),
        ("source_rules", "rule,source_kind\nmine,news\n", "line 2: the rule 'mine' has no condition"),
        ("source_rules", "rule,hosts\nmine,a.com\n", "says neither source_kind nor acquisition"),
        ("source_rules", "rule,source_kind,rel\nugc,news,ugc\n", "has the name of a rule of linktide's"),
        (
            "source_rules",
            "rule,source_kind,rel\nm,news,ugc\nm,wiki,ugc\n",
            "line 3: the rule 'm' has the name of",
        ),
        ("source_rules", "rule,source_kind,kinds\nm,news,forum\n", "wanted an acquisition alone"),
        ("source_rules", "rule,source_kind,url\nm,news,.*\n", "is found in every text"),
        ("source_rules", "rule,source_kind,hosts\nm,news,a b\n", "is no list of hosts"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    tmp_path: Path, reading: Reading, kind: str, content: str | bytes, told: str
) -> None:
    found = read(kind, tmp_path, content, reading)
    assert found.refused_because is not None
    assert told in found.refused_because
    assert str(tmp_path) in found.refused_because
    assert found.rows is None


def test_a_file_that_is_none(tmp_path: Path, reading: Reading) -> None:
    for path, told in ((tmp_path / "gone.csv", "does not exist"), (tmp_path, "is no regular file")):
        assert read_file("pages", path, reading).refused_because == f"{path} {told}."


def test_lists_are_taken_without_their_wrong_rows(tmp_path: Path, reading: Reading) -> None:
    content = "url;published_at\nhttps://mine.org/1;\nftp://mine.org/;\nhttps://mine.org/2;31.12.2025\nhttps://mine.org/3;;x\nhttps://mine.org/4;2025-12-31T10:00:00+02:00\nhttps://mine.org/5;\nhttps://mine.org/6;\n"
    found = read("pages", tmp_path, content, reading)
    assert [row["page_url"] for row in rows(found)] == [f"https://mine.org/{n}" for n in (1, 4, 5, 6)]
    assert sorted((one.line, one.column) for one in found.refusals) == [
        (3, "url"),
        (4, "published_at"),
        (5, "-"),
    ]
    assert rows(found)[1]["published_at"] == datetime(2025, 12, 31, 8, tzinfo=UTC)


def test_pages_have_titles_and_the_keys_that_links_to_them_have(tmp_path: Path, reading: Reading) -> None:
    content = f'title,url\n"=A, b",{A}\n,{U}\nZ,{A}\n'
    found = rows(read("pages", tmp_path, content, reading))
    assert {row["page_url"]: row["title"] for row in found} == {A: "=A, b", U: None}
    links = reading.keys.links([U, A], ["https://other.org/"] * 2).column("source_key").to_pylist()
    assert [row["page_key"] for row in found] == links[::-1]
    assert rows(read("pages", tmp_path, "url\n", reading)) == []


def test_a_sitemap(tmp_path: Path, reading: Reading) -> None:
    content = (
        '<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        "<url><loc> https://mine.org/a?x=1&amp;y=2 </loc><lastmod>2026-01-01</lastmod></url>\n"
        "<url><loc>https://mine.org/b</loc><lastmod>01.02.2026</lastmod></url>\n<url><loc>https://mine.org/c</loc></url>"
        "</urlset>"
    )
    found = read("pages", tmp_path, content, reading)
    assert [(row["page_url"], row["published_at"]) for row in rows(found)] == [
        ("https://mine.org/a?x=1&y=2", None),
        ("https://mine.org/c", None),
    ]
    assert [(one.line, one.column) for one in found.refusals] == [(3, "lastmod")]


def test_blocklists_as_they_are_found(tmp_path: Path, reading: Reading) -> None:
    plain = "# bad ones\nspam.com\ndomain:Other.co.uk # why\nhttps://www.spam.com/x\n\nmünchen.de\n"
    for content in (plain, "domain\nspam.com\nother.co.uk\nmünchen.de"):
        names = {row["domain_name"] for row in rows(read("blocklist", tmp_path, content, reading))}
        assert names == {"spam.com", "other.co.uk", "xn--mnchen-3ya.de"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lists_end_their_lines_as_editors_do_and_nowhere_else(
    tmp_path: Path, reading: Reading, end: str
) -> None:
    content = end.join(
        ["spam.com", "a.com\u2028b.com", "c.com\x85d.com", "e.com\x0cf.com", "bad.org", "x.org", ""]
    )
    found = read("blocklist", tmp_path, content, reading)
    assert {row["domain_name"] for row in rows(found)} == {"spam.com", "bad.org", "x.org"}
    assert [one.line for one in found.refusals] == [2, 3, 4]


def test_a_header_or_remarks_alone_block_nobody(tmp_path: Path, reading: Reading) -> None:
    for content in ("domain\n", "# none yet\n"):
        assert rows(read("blocklist", tmp_path, content, reading)) == []


@pytest.mark.parametrize("term", ["a", "7", "東", "½", "①", "é!", "\u0e01", "ǅ"])
def test_terms_with_a_word_are_taken(tmp_path: Path, reading: Reading, term: str) -> None:
    assert len(rows(read("terms", tmp_path, f"term,kind\n{term},brand\n", reading))) == 1


def test_terms_without_a_domain_are_of_all_tracked_ones(tmp_path: Path, reading: Reading) -> None:
    content = "term,kind,domain\nAcme,brand,\nshoes,money,https://www.rival.com/\n"
    assert [tuple(row.values()) for row in rows(read("terms", tmp_path, content, reading))] == [
        ("mine.org", "brand", "Acme"),
        ("rival.com", "money", "shoes"),
    ]


def test_a_formula_in_a_text_is_a_text(tmp_path: Path, reading: Reading) -> None:
    content = "campaign,goal\n\"=cmd|'/c calc'!A1\",3\n"
    assert rows(read("campaigns", tmp_path, content, reading))[0]["campaign"] == "=cmd|'/c calc'!A1"


@pytest.mark.parametrize(
    "text",
    ["東京\u3000タワー", "10\xa0€", "\u06cc\u200c\u062e", "👩\u200d💻 shop", "Wort\xadtrennung", "\ufeffa"],
)
def test_texts_of_any_script_are_taken(tmp_path: Path, reading: Reading, text: str) -> None:
    found = read("terms", tmp_path, f"term,kind\nacme,brand\n{text},money\n", reading)
    assert [row["term"] for row in rows(found)] == ["acme", text]


@pytest.mark.parametrize(
    "control", ["\x1b", "\t", "\x7f", "\x9b", "\u2028", "\u2029", "\x85", "\x0b", "\x0c"]
)
def test_controls_in_a_text_are_refused(tmp_path: Path, reading: Reading, control: str) -> None:
    found = read("terms", tmp_path, f"term,kind\nacme,brand\na{control}b,money\n", reading)
    assert found.refused_because is not None
    assert "line 3, column term" in found.refused_because
    assert "cannot be printed" in found.refused_because


def test_days_end_when_they_end(tmp_path: Path, reading: Reading) -> None:
    content = (
        "source_url,target_url,live_from,paid_until\nhttps://a.com/,https://mine.org/,2026-01-01,2026-01-31\n"
    )
    (row,) = rows(read("placements", tmp_path, content, reading))
    assert (row["live_from"], row["paid_until"]) == (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 2, 1, tzinfo=UTC),
    )
    assert (row["target_domain"], row["grace_days"], row["line"]) == ("mine.org", 3, 2)


def test_no_more_refusals_are_told_than_a_person_reads(tmp_path: Path, reading: Reading) -> None:
    good = "".join(f"https://mine.org/{n}\n" for n in range(3_000))
    found = read("pages", tmp_path, "url\n" + "x\n" * 2_500 + good, reading)
    assert (len(found.refusals), found.refused_rows, len(rows(found))) == (MAX_REFUSALS, 2_500, 3_000)


HEADERS = {
    "pages": b"url\n",
    "blocklist": b"domain\n",
    "terms": b"term,kind\n",
    "placements": b"source_url,target_url\n",
    "campaigns": b"campaign,goal\n",
    "markers": b"marker,points\n",
    "source_rules": b"rule,source_kind,url\n",
}


@settings(max_examples=200, deadline=None)
@given(kind=st.sampled_from(KINDS), content=st.binary(max_size=300), is_headed=st.booleans())
def test_nothing_in_a_file_raises(
    tmp_path_factory: pytest.TempPathFactory, reading: Reading, kind: str, content: bytes, *, is_headed: bool
) -> None:
    header = HEADERS[kind] if is_headed else b""
    found = read(kind, tmp_path_factory.getbasetemp(), header + content, reading)
    has_rows = found.rows is not None or (kind == "source_rules" and found.refused_because is None)
    assert (found.refused_because is None) == has_rows
