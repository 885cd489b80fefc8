"""Writes docs/urls.md: `python -m linktide.url.reference docs`."""

from __future__ import annotations

import ast
import inspect
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from linktide.index import (
    URL_POLICY_VERSION,
    url_flags,
    url_parameters,
    url_reasons,
    url_rules,
    url_wrappers,
)
from linktide.url import UrlOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEAD = f"""\
# URLs
<!-- Written by `python -m linktide.url.reference docs`; do not edit. -->

One policy says which spellings are one page, version {URL_POLICY_VERSION}. A database keeps the version it
was made with. The running index, `linktide.normalize_urls` and `linktide url explain` apply the same code.

```python
import linktide
import pyarrow as pa

urls = ["HTTP://www.Example.co.uk:80/a/../b?utm_source=x", "/c", None]
rows = linktide.normalize_urls(urls, base="https://example.com/", level="index", threads=2)
table = pa.Table.from_struct_array(rows)
found = linktide.normalize_url("http://10.0.0.1/#x")
found.url, found.flag_names  # ('http://10.0.0.1/', ('IP', 'PRIVATE_IP', 'HAD_FRAGMENT'))
```

`normalize_urls` takes whatever has the Arrow PyCapsule interface and holds strings or bytes (pyarrow, polars,
pandas, DuckDB's Arrow results), or a list of `str` and `None`. It gives a pyarrow `StructArray`, or a
`ChunkedArray` for what comes in chunks; both go on without a copy: `polars.Series(rows)`,
`pyarrow.Table.from_struct_array(rows)`, from there DuckDB by the table's name. `pa.chunked_array` of your
array if you want a ChunkedArray always.

Identity is narrow, for what was merged cannot be parted: two URLs are one page only if no server should tell
them apart. What *most likely* is one page has one `cluster_key` besides.

`url_id` is xxh3-128 of `url` (big-endian), `domain_id` xxh3-64 of `domain`, `cluster_key` xxh3-64 of the
cluster form without its scheme (with it, and with its fragment, where an option keeps ftp or a fragment); any
xxHash library gives the same. The keys inside a database are seeded and differ. The registrable domain
follows the public suffix list of the installed publicsuffixlist package, private section included;
`public_suffix_list=` names another file. A file that changes is read anew at the next call.

## Levels

| level | what it is | other schemes than http and https |
|---|---|---|
| `whatwg` | the `href` of the WHATWG URL standard | taken |
| `safe` | RFC 3986 on top; user name, fragment and empty pairs dropped | as at `whatwg`, flag OTHER_SCHEME |
| `index` | the identity of the index: session ids and tracking parameters dropped | refused, SCHEME |
| `cluster` | the form behind `cluster_key` as a URL | refused, SCHEME |

Each level does what those above it do. Normalising twice changes nothing, nor does the WHATWG parser change
a result; a stronger level gives the same for a URL and for its form at a weaker level. `cluster_key` is the
same at every level; a URL that has no form at level `index` has the hash of its text.
"""


def urls_text() -> str:
    """Return docs/urls.md."""
    return "\n".join([_HEAD, *_options(), "", *_names(), "", *_rules(), "", *_lists()]) + "\n"


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(columns)
    yield f"## {title}"
    yield ""
    yield f"| {' | '.join(names)} |"
    yield "|---" * len(names) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _options() -> Iterator[str]:
    tree = ast.parse(inspect.getsource(UrlOptions)).body[0]
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    rules: dict[str, list[str]] = {}
    for rule, _, options, *_ in url_rules():
        for option in options:
            rules.setdefault(option, []).append(rule)
    rows = []
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            name = ast.unparse(field.target)
            told = str(ast.literal_eval(text.value))
            rows.append(
                (f"`{name}`", f"`{ast.unparse(field.annotation)}`", ", ".join(rules.get(name, [])), told)
            )
    yield from _table("Options", ("option", "type", "rule", "what it does"), rows)


def _names() -> Iterator[str]:
    reasons = [(f"`{name}`", str(code), rule, f"{text}.") for name, code, rule, text in url_reasons()]
    yield from _table("Reasons", ("reason", "code", "rule", "meaning"), reasons)
    yield ""
    flags = [(f"`{name}`", str(bits), f"{meaning}.") for name, bits, meaning in url_flags()]
    yield from _table("Flags", ("flag", "bits", "meaning"), flags)


def _rules() -> Iterator[str]:
    rules = url_rules()
    rows = [
        (rule, level, when, what, ", ".join(f"`{name}`" for name in options))
        for rule, level, options, when, what, _ in rules
    ]
    yield from _table("Rules", ("rule", "from level", "when", "what", "options"), rows)
    yield ""
    yield "What each must give; `→` is the URL, `=` another URL of the same cluster, `≠` one of another."
    yield ""
    vectors = [
        (
            rule,
            _code(given),
            _code(base) if base else "",
            _code(" ".join(settings)),
            _expected(kind, expected),
        )
        for rule, *_, rows in rules
        for given, base, settings, kind, expected in rows
    ]
    yield from _table("Vectors", ("rule", "given", "base", "settings", "must give"), vectors)


def _code(text: str) -> str:
    shown = text.encode("unicode_escape").decode() if not text.isprintable() else text
    fence = "``" if "`" in shown else "`"
    return f"{fence}{shown}{fence}" if shown else ""


def _expected(kind: str, expected: str) -> str:
    sign = {"url": "→ ", "same_cluster": "= ", "other_cluster": "≠ "}.get(kind, f"{kind} ")
    return sign + _code(expected)


def _lists() -> Iterator[str]:
    found = {"read": "names it", "cited": "is cited for it, not read", "home": "its maker's, none found"}
    rows = [
        (f"`{name}`", compare, kind, maker, f"<{page}>", found[how])
        for name, compare, kind, maker, how, page in url_parameters()
    ]
    columns = ("name", "compared by", "kind", "whose", "page", "the page")
    yield from _table("Dropped parameters (P13, P14)", columns, rows)
    yield ""
    pages = [
        (maker, f"`{option}`", f"`{host}`", f"`{path}`", target)
        for maker, option, host, path, target in url_wrappers()
    ]
    names = ("whose", "option", "host", "path", "target")
    yield from _table("Unwrapped pages (P23)", names, pages)
    yield ""
    yield "Every level recognises a page by its cluster form: with or without `www.`, session ids, doubled"
    yield "slashes or a slash at its end. What it names is unwrapped unless level *index* refuses it."


def write(folder: Path) -> None:
    """Write the page into `folder`."""
    (folder / "urls.md").write_text(urls_text(), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
