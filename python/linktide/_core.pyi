from typing import Any

__all__ = [
    "dead_letter_reasons",
    "decode_event",
]

# event
def dead_letter_reasons() -> list[tuple[str, str]]: ...
def decode_event(
    value: bytes | None, record_time_us: int, max_event_bytes: int = 1048576
) -> dict[str, Any] | tuple[str, str]: ...
