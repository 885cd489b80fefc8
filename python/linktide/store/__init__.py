"""The store: one DuckDB file, one writer, many readers."""
