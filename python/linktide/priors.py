"""What is known of domains from elsewhere, as the prior of the domain graph."""

from __future__ import annotations

import gzip
import math
from itertools import islice
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.csv as csv_files

from linktide.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

BASE: Final = 0.15
"""1 - alpha: the prior of a domain of which nothing is known."""
SCALE_DECADES: Final = 8
"""Powers of ten of authority on the scale of 0 to 100, as in the core."""
SCHEMA: Final = pa.schema([("domain_name", pa.string()), ("prior", pa.float64())])

_ROWS_PER_BATCH: Final = 65_536
_RANKS_HEADER: Final = "#harmonicc_pos"
_RANKS_PAGERANK, _RANKS_HOST = 3, 4
_MAX_RATING: Final = 100
_DOMAIN_COLUMNS: Final = ("domain", "domain_name", "target", "root_domain", "root domain", "host")


def read_priors(path: Path, column: str | None, most: int) -> list[pa.RecordBatch]:
    """Return (domain_name, prior) of at most `most` domains, from the top of the file.

    A Common Crawl ranks file (its header begins with `#harmonicc_pos`; plain or .gz) gives
    b = (1 - alpha) * pagerank / least pagerank read, so a domain that nobody in our graph links to shows what
    the whole web gives it. Any other file is CSV with a header, `column` its rating of 0 to 100 (a vendor's
    DR or authority score): b = (1 - alpha) * 10^(rating * 8/100), so such a domain shows the rating itself.

    Raises ConfigError naming the file and what is wanted.
    """
    try:
        with _opened(path) as file:
            head = file.readline()
            if head.startswith(_RANKS_HEADER):
                return _from_ranks(path, islice(file, most))
        if column is None:
            raise ConfigError(
                f"authority.prior_file {path} is no Common Crawl ranks file; "
                "name the column of its rating by authority.prior_column."
            )
        return _from_csv(path, column, most)
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise ConfigError(
            f"authority.prior_file {path} cannot be read ({error}); name a readable file."
        ) from error


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _from_ranks(path: Path, lines: Iterator[str]) -> list[pa.RecordBatch]:
    names, values = [], []
    for number, line in enumerate(lines, start=2):
        fields = line.rstrip("\n").split("\t")
        try:
            value = float(fields[_RANKS_PAGERANK])
            host = fields[_RANKS_HOST]
        except (IndexError, ValueError):
            value, host = math.nan, ""
        if not (value > 0 and math.isfinite(value) and host):
            raise ConfigError(
                f"authority.prior_file {path}, line {number}: {line[:80]!r}; "
                "wanted tab-separated ranks with a positive pagerank and a reversed host."
            )
        names.append(".".join(reversed(host.split("."))))
        values.append(value)
    least = min(values, default=1.0)
    return _batches(names, [BASE * value / least for value in values])


def _from_csv(path: Path, column: str, most: int) -> list[pa.RecordBatch]:
    try:
        with csv_files.open_csv(path) as reader:
            columns = reader.schema.names
            wanted = column if column in columns else _find(columns, (column.lower(),))
            domain = _find(columns, _DOMAIN_COLUMNS)
            if wanted is None or domain is None:
                raise ConfigError(
                    f"authority.prior_file {path} has the columns {', '.join(columns)}; wanted "
                    f"{column} (authority.prior_column) and one of {', '.join(_DOMAIN_COLUMNS)}."
                )
            names: list[str] = []
            values: list[float] = []
            for batch in reader:
                for name, rating in zip(
                    batch.column(domain).to_pylist(), batch.column(wanted).to_pylist(), strict=True
                ):
                    if name is None or rating is None:
                        continue
                    names.append(str(name).strip().lower().removesuffix("."))
                    values.append(_of_rating(path, wanted, rating))
                if len(names) >= most:
                    break
    except pa.ArrowInvalid as error:
        raise ConfigError(f"authority.prior_file {path} is no CSV with a header ({error}).") from error
    return _batches(names[:most], values[:most])


def _find(columns: list[str], wanted: tuple[str, ...]) -> str | None:
    return next((name for name in columns if name.strip().lower() in wanted), None)


def _of_rating(path: Path, column: str, rating: object) -> float:
    if not isinstance(rating, (int, float)) or not 0 <= rating <= _MAX_RATING:
        raise ConfigError(
            f"authority.prior_file {path} has {column} = {rating!r}; wanted ratings from 0 to {_MAX_RATING}."
        )
    return float(BASE * 10 ** (rating * SCALE_DECADES / _MAX_RATING))


def _batches(names: list[str], values: list[float]) -> list[pa.RecordBatch]:
    table = pa.Table.from_arrays(
        [pa.array(names, pa.string()), pa.array(values, pa.float64())], schema=SCHEMA
    )
    batches: list[pa.RecordBatch] = table.to_batches(max_chunksize=_ROWS_PER_BATCH)
    return batches
