"""Tests that share a fixture go to one worker: what distributes them may stop to look at groups unnoticed."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def shared() -> object:
    return object()


def is_grouped(request: pytest.FixtureRequest) -> bool:
    """Tell whether workers that respect groups are in use, and so must be the group."""
    return getattr(request.config.option, "loadgroup", False)


@pytest.mark.xdist_group("named")
def test_a_named_group_is_in_force(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@named") == is_grouped(request)


@pytest.mark.usefixtures("shared")
def test_what_a_file_shares_makes_a_group(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@test_work_order") == is_grouped(request)


def test_what_shares_nothing_goes_anywhere(request: pytest.FixtureRequest) -> None:
    assert "@" not in request.node.nodeid
