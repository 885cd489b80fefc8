# The Rust core. Takes bytes and Arrow data, releases the GIL, returns Arrow data.

from typing import Final, final

import pyarrow as pa

__all__ = ["UrlNormalizer"]

# URL identity (rust/linktide-python/src/url.rs)
@final
class UrlNormalizer:
    POLICY_VERSION: Final[int]
    def __new__(cls, psl_text: str) -> UrlNormalizer: ...
    @property
    def suffixes_version(self) -> str: ...
    @property
    def suffixes_rules(self) -> int: ...
    def normalize(self, url: str, base: str | None = None) -> tuple[str, str, str, int, int] | str: ...
    def normalize_array(self, urls: pa.Array, bases: pa.Array | None = None) -> pa.RecordBatch: ...
