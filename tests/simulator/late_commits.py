"""Commits that run when they are waited for: a commit under way, without a thread."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Late(Future[_T]):
    def __init__(self, work: Callable[[], _T]) -> None:
        super().__init__()
        self._work = work

    def result(self, timeout: float | None = None) -> _T:
        if not self.done():
            try:
                self.set_result(self._work())
            except BaseException as error:  # noqa: BLE001 - raised again below
                self.set_exception(error)
        return super().result(timeout)


class LateCommits(Executor):
    """Does a piece of work when its result is asked for."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        return _Late(lambda: fn(*args, **kwargs))
