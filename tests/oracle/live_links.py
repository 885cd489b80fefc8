"""Live links between different domains, and what views sum up of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from oracle.events import is_followed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from oracle.model import Link, State

Key = TypeVar("Key")


def live_external(state: State) -> list[Link]:
    return [link for link in state.links.values() if link.is_live and not link.is_internal]


def is_dofollow(link: Link) -> bool:
    return is_followed(link.values.get("rel"))


def group(items: Iterable[Link], key: Callable[[Link], Key]) -> dict[Key, list[Link]]:
    groups: defaultdict[Key, list[Link]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def earliest_first_seen(of: Sequence[Link]) -> int | None:
    return min((link.first_seen for link in of if link.first_seen is not None), default=None)


def greatest_last_seen(of: Sequence[Link]) -> int | None:
    return max((link.last_seen for link in of if link.last_seen is not None), default=None)
