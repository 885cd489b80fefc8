"""What a running service tells of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from open_service import found_link, running

if TYPE_CHECKING:
    from pathlib import Path

    from linktide.service import Service


def push(service: Service, data: bytes, topic: str = "push", topic_id: str = "") -> None:
    first = 0 if topic_id else None
    service.state.push(data, topic=topic, topic_id=topic_id, first_offset=first)


def sources(service: Service) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", service.state.status()["sources"])


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        push(service, found_link(1), "day.ndjson", "b")
        push(service, found_link(2) + found_link(3), "day.ndjson", "a")
        told = [
            (row["source_name"], row["topic"], row["topic_id"], row["events"]) for row in sources(service)
        ]
    assert told == [("file", "day.ndjson", "a", 2), ("file", "day.ndjson", "b", 1)]
