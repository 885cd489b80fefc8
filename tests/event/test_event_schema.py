"""The published schema says what the decoder does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linktide import _core

SCHEMA_PATH = Path(__file__).parents[2] / "docs" / "schema" / "link-event.v1.schema.json"
SCHEMA: dict[str, Any] = json.loads(SCHEMA_PATH.read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
RECORD_US = 1_785_542_400_000_000
BASE = {"event": "lost", "observed_at": "2026-01-01T00:00:00Z", "source_url": "a", "target_url": "b"}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 1001),
    st.integers(2**63 - 2, 2**63 + 2),
    st.sampled_from([200.0, 0.5, -1.0, 1e300]),
    st.text(max_size=3),
    st.sampled_from(
        ["", " ", "1", "1.0", "2", "text", "rss", "notfound", "dropped:x", "dropped:", "seen", "lost"]
    ),
)
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=1), scalars, max_size=1)


def is_accepted(event: dict[str, Any]) -> bool:
    return isinstance(_core.decode_event(json.dumps(event).encode(), RECORD_US), dict)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("example", SCHEMA["examples"])
def test_examples_are_events(example: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(example)
    assert is_accepted(example)


PAGE = {"event": "page", "observed_at": "2026-01-01T00:00:00Z", "source_url": "a"}
OTHERS: tuple[dict[str, Any], ...] = (
    PAGE,
    PAGE | {"complete": True, "links": []},
    PAGE | {"complete": True, "http_code": 404},
    PAGE | {"complete": True, "lost_reason": "pageerror"},
    {"event": "target", "observed_at": "2026-01-01T00:00:00Z", "target_url": "b"},
    BASE | {"event": "referral", "day": "2026-01-01", "visits": 1},
)
entries = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("target_url", "url_to", "anchor", "rel", "noindex", "http_code", "x"), values),
)


@pytest.mark.parametrize(
    "field", sorted({*SCHEMA["properties"], "unknown"} - {"observed_at", "day", "event"})
)
@given(base=st.sampled_from(OTHERS), value=values | st.lists(entries, max_size=2))
def test_a_field_of_a_page_or_another_event_is_valid_where_the_decoder_takes_it(
    field: str, base: dict[str, Any], value: object
) -> None:
    event = base | {field: value}
    assert VALIDATOR.is_valid(event) == is_accepted(event), event
    without = {name: value for name, value in base.items() if name != field}
    assert VALIDATOR.is_valid(without) == is_accepted(without), without


# The range of observed_at hangs on the record's time; test_event_time.py looks into it.
@pytest.mark.parametrize("field", sorted({*SCHEMA["properties"], "unknown"} - {"observed_at"}))
@given(value=values)
def test_a_field_is_valid_where_the_decoder_takes_it(field: str, value: object) -> None:
    event = BASE | {field: value}
    assert VALIDATOR.is_valid(event) == is_accepted(event)


@pytest.mark.parametrize("field", [*SCHEMA["required"], "source_url", "target_url"])
def test_required_fields_are_required(field: str) -> None:
    event = {name: value for name, value in BASE.items() if name != field}
    assert not VALIDATOR.is_valid(event)
    assert not is_accepted(event)
