"""How often a property of whole histories is tried: a few times in CI, many in `make histories`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable

Test = TypeVar("Test", bound="Callable[..., None]")

TIMES = int(os.environ.get("LINKTIDE_EXAMPLES") or 1)
_SECONDS = 900
"""More than any takes in CI, on a machine that is busy with much else."""


def examples(few: int) -> Callable[[Test], Test]:
    """Try a property on so many examples, or LINKTIDE_EXAMPLES times as many."""
    tried = settings(
        max_examples=few * TIMES,
        deadline=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
        ],
    )

    def marked(test: Test) -> Test:
        return pytest.mark.histories(pytest.mark.timeout(_SECONDS * TIMES)(tried(test)))  # type: ignore[no-any-return]

    return marked


def seeds(few: int) -> Callable[[Test], Test]:
    """Give a test so many seeds, each by itself, or LINKTIDE_EXAMPLES times as many."""

    def marked(test: Test) -> Test:
        return pytest.mark.histories(pytest.mark.parametrize("seed", range(few * TIMES))(test))  # type: ignore[no-any-return]

    return marked
