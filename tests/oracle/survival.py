"""Kaplan and Meier's curve and what follows from it, by counting anew at every age."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from oracle.live_links import is_dofollow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oracle.model import State

ALL = ("all", "all")


@dataclass(frozen=True, slots=True)
class Followed:
    """A life, by ages: followed after `entered`, until `left`."""

    entered: int
    left: int
    is_lost: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What is left after the losses at one age; None where all at risk were lost and others came later."""

    age: int
    at_risk: int
    lost: int
    survival: Fraction | None


def curve(lives: Sequence[Followed]) -> list[Step]:
    steps = []
    survival: Fraction | None = Fraction(1)
    for age in sorted({life.left for life in lives if life.is_lost}):
        at_risk = sum(life.entered < age <= life.left for life in lives)
        lost = sum(life.is_lost and life.left == age for life in lives)
        if survival is not None:
            survival *= 1 - Fraction(lost, at_risk)
            if survival == 0 and any(life.left > age for life in lives):
                survival = None
        steps.append(Step(age, at_risk, lost, survival))
    return steps


def half_life(lives: Sequence[Followed]) -> int | None:
    return next(
        (step.age for step in curve(lives) if step.survival is not None and 2 * step.survival <= 1), None
    )


def loss_chance(lives: Sequence[Followed], age: int, then: int) -> Fraction | None:
    """Return the chance that one alive at `age` is lost by `then`."""
    if then > max(life.left for life in lives):
        return None
    alive = Fraction(1)
    for step in curve(lives):
        if age < step.age <= then:
            alive *= 1 - Fraction(step.lost, step.at_risk)
            if alive == 0 and any(life.left > step.age for life in lives):
                return None
    return 1 - alive


def remaining(lives: Sequence[Followed], age: int) -> Fraction | None:
    """Return how long one alive at `age` lives on, counted to the greatest age that any was followed to."""
    if age >= max(life.left for life in lives):
        return None
    alive, total, at = Fraction(1), Fraction(0), age
    for step in curve(lives):
        if step.age > age:
            total += alive * (step.age - at)
            at = step.age
            alive *= 1 - Fraction(step.lost, step.at_risk)
            if alive == 0 and any(life.left > step.age for life in lives):
                return None
    return total + alive * (max(life.left for life in lives) - at)


def followed_lives(
    state: State, target_domain: str, since: int | None = None
) -> dict[tuple[str, str], list[Followed]]:
    """Group the lives of the links to a domain, as `link_survival` does where no export told of them."""
    groups: dict[tuple[str, str], list[Followed]] = {}
    for link in state.links.values():
        if link.is_internal or link.target_domain != target_domain:
            continue
        for life in link.lives:
            assert state.clock is not None
            ended = state.clock if life.confirmed_at is None else life.confirmed_at
            entered = max(0, (since or life.started_at) - life.started_at)
            left = ended - life.started_at
            if left > entered:
                name = "dofollow" if is_dofollow(link) else "nofollow"
                for group in (ALL, ("follow", name)):
                    groups.setdefault(group, []).append(
                        Followed(entered, left, life.confirmed_at is not None)
                    )
    return groups
