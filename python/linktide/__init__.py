"""linktide: a self-hosted, live backlink index."""
