"""What a webhook is told of an alert: JSON, in which hostile text is a string and nothing else."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from linktide.alerts.catalogue import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linktide.alerts.change import Change

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Controls, and what re-orders or hides text: a chat window must show what is there.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_SHOWN_CHARACTERS: Final = 2_000


def notices_of(changes: Sequence[Change]) -> list[tuple[str, str, str, str]]:
    """Return (notice id, alert id, state, body) of each call that these changes ask for."""
    notices = []
    for change in changes:
        is_over = change.ended_us is not None
        if not change.is_loud or (is_over and BY_NAME[change.alert].is_momentary):
            continue
        state = "resolved" if is_over else "firing"
        notices.append((f"{change.alert_id}/{state}", change.alert_id, state, body_of(change, state)))
    return notices


def body_of(change: Change, state: str) -> str:
    """Return the JSON of a call."""
    rule = BY_NAME[change.alert]
    told = {
        "id": f"{change.alert_id}/{state}",
        "state": state,
        "alert": change.alert,
        "severity": change.severity,
        "domain": change.domain_name,
        "summary": f"{change.domain_name or 'linktide'}: {rule.about}",
        "what": change.summary,
        "impact": rule.impact,
        "causes": list(rule.causes),
        "actions": list(rule.actions),
        "started_at": _time(change.started_us),
        "ended_at": None if change.ended_us is None else _time(change.ended_us),
        "evidence": list(change.evidence),
        "offsets": list(change.offsets),
        "runbook": rule.runbook,
    }
    return json.dumps(_shown(told), ensure_ascii=True, default=str)


def _shown(value: object) -> object:
    if isinstance(value, str):
        return _UNSAFE.sub("\ufffd", value)[:_SHOWN_CHARACTERS]
    if isinstance(value, dict):
        return {key: _shown(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return value


def _time(at_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=at_us)).isoformat().replace("+00:00", "Z")
