"""Real URLs as lines of a text file, for the URL benches: `python benches/url_corpus.py DATA_FOLDER FILE`.

They are the distinct absolute http(s) hrefs of `page_hrefs_dev.parquet`, in the order in which the pages have
them. A href with a line break in it cannot stand in such a file and is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq


def absolute_hrefs(data: Path) -> list[str]:
    """Read them; raises `FileNotFoundError` if the folder does not hold them."""
    column = pq.read_table(data / "page_hrefs_dev.parquet", columns=["href"])["href"]
    hrefs = dict.fromkeys(href for href in column.to_pylist() if href)
    is_wanted = (
        href.lower().startswith(("http://", "https://")) and not {"\n", "\r"} & set(href) for href in hrefs
    )
    return [href for href, wanted in zip(hrefs, is_wanted, strict=True) if wanted]


def main(data: Path, file: Path) -> int:
    """Write the file and return the exit code: 1 if there is no data."""
    try:
        hrefs = absolute_hrefs(data)
    except FileNotFoundError as error:
        sys.stderr.write(f"no corpus: {error}; set LINKTIDE_DATA to the folder of the test data\n")
        return 1
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{href}\n" for href in hrefs), encoding="utf-8")
    sys.stdout.write(f"{len(hrefs)} URLs in {file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
