from __future__ import annotations

import pytest

from linktide.sources.produce import source_host


@pytest.mark.parametrize(
    ("line", "host"),
    [
        (b'{"source_url":"https://A.Example:8080/x","target_url":"https://b/"}', b"a.example"),
        (b'{"target_url":"https://b/", "source_url" : "http://user:pw@a.example?q"}', b"a.example"),
        (rb'{"source_url":"https:\/\/a.example\/x"}', b"a.example"),
        (b'{"url_from":"https://a.example#f"}', b"a.example"),
        (b'{"source_url":"/relative"}', None),
        (b'{"source_url":"https:///"}', None),
        (b'{"target_url":"https://b/"}', None),
        (b"no json", None),
    ],
)
def test_the_host_of_the_source_is_the_key(line: bytes, host: bytes | None) -> None:
    assert source_host(line) == host
