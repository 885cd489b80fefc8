"""The catalogue of PostgreSQL, as far as its clients ask it: a database in memory that holds no links.

It tells of the documented views and macros and of nothing else: what a client reads here it may also
name. The tables are those of PostgreSQL 15, most of them empty; `tables.txt` and `types.txt` list its columns
and its base types. It is another instance than the store's: it can leak nothing and never meets the writer.
"""

from __future__ import annotations

from linktide.store.catalogue.build import Catalogue

__all__ = ["Catalogue"]
