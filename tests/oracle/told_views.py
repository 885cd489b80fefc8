"""The rows of the views that show what events told, without any state of links."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracle.model import State
    from oracle.page_events import ReferralEvent, TargetEvent
    from oracle.shown import Row, Settings


def target_status(state: State, _settings: Settings) -> list[Row]:
    return [(of.target_url, of.http_code, of.observed_at, json_of(of, of.http_code)) for of in state.targets]


def referrals(state: State, _settings: Settings) -> list[Row]:
    return [
        (of.source_url, of.target_url, str(of.day), *of.origin[:2], of.visits, of.observed_at, json_of(of))
        for of in state.referrals
    ]


def json_of(of: TargetEvent | ReferralEvent, http_code: int | None = None) -> object:
    fields = {"http_code": http_code, **of.fields}
    return {name: value for name, value in fields.items() if value is not None} or None
