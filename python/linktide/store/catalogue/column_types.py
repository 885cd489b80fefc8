"""The PostgreSQL type of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT, _JSON, _NUMERIC = 25, 114, 1700
_OID_OF = {
    "BOOLEAN": 16,
    "TINYINT": 21,
    "UTINYINT": 21,
    "SMALLINT": 21,
    "USMALLINT": 23,
    "INTEGER": 23,
    "UINTEGER": 20,
    "BIGINT": 20,
    "UBIGINT": 1700,
    "HUGEINT": 1700,
    "FLOAT": 700,
    "DOUBLE": 701,
    "VARCHAR": 25,
    "JSON": 25,
    "BLOB": 17,
    "DATE": 1082,
    "TIME": 1083,
    "TIMESTAMP": 1114,
    "TIMESTAMP WITH TIME ZONE": 1184,
    "INTERVAL": 1186,
}
"""The PostgreSQL type of a column, as the endpoint sends it (oids.rs); tests/sql compares the two."""


def type_of(kind: str, array_of: Mapping[int, int]) -> tuple[int, int]:
    """Return type and modifier of a column; `array_of` gives the array of a type."""
    if kind.endswith("[]"):
        item, _ = type_of(kind.removesuffix("[]"), array_of)
        return array_of.get(item) or _JSON, -1
    if kind.startswith("DECIMAL("):
        precision, scale = (int(one) for one in kind[8:-1].split(","))
        return _NUMERIC, 4 + (precision << 16 | scale) if precision < 38 else -1  # noqa: PLR2004 - as oids.rs
    return _OID_OF.get(kind, _TEXT), -1
