"""The public suffix list of a running service: what is in force, what is staged, and the turn of a rekey."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from linktide.errors import ConfigError, ExitCode, LinktideError, RetryError
from linktide.rekey import Rekeyed, plan_rekey, rekey
from linktide.suffix_watch import LOOK_SECONDS
from linktide.suffixes import parse_suffix_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from linktide.index import IndexOptions, LinkIndex, SuffixList
    from linktide.store.database import Database
    from linktide.store.writer import StoreWriter
    from linktide.suffix_watch import SuffixWatch

_STOPPING: Final = "The service is stopping; run `linktide rekey` on the stopped database."


class RefusedListError(LinktideError):
    """The list that was sent cannot come into force."""

    exit_code = ExitCode.CONFIG


@dataclass(slots=True)
class _Asked:
    """A rekey that waits for its turn, or has had it."""

    suffixes: SuffixList
    is_done: threading.Event = field(default_factory=threading.Event)
    outcome: Rekeyed | LinktideError | None = None


class SuffixDesk:
    """Takes the wish for a rekey from any thread; the work thread grants it between two sessions."""

    def __init__(self, watch: SuffixWatch) -> None:
        self.watch = watch
        self._is_over = False
        self._lock = threading.Lock()
        self._asked: _Asked | None = None
        self._answered: _Asked | None = None
        self._database: Database | None = None

    @contextmanager
    def watching(self, *, is_on: bool) -> Iterator[None]:
        """Look at the file of the list now and then while the block lasts; afterwards no session comes."""
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(LOOK_SECONDS):
                self.watch.look()

        thread = threading.Thread(target=watch, name="linktide-maintenance")
        if is_on:
            thread.start()
        try:
            yield
        finally:
            is_over.set()
            self.end()
            if is_on:
                thread.join()

    # --- any thread ----------------------------------------------------------------------------------------

    def told(self) -> Mapping[str, object]:
        """Return the versions of the lists in force and staged."""
        return self.watch.told()

    def rekey(self, text: str, *, is_dry_run: bool) -> Mapping[str, object]:
        """Bring the list of this text into force, or tell what that would change; returns once it is stored.

        Raises RefusedListError if the text is no list, RetryError while the store is closed, another rekey is
        under way or the service stops, and what made the rekey fail.
        """
        try:
            suffixes = parse_suffix_list(text, "that was sent")
        except ConfigError as error:
            raise RefusedListError(str(error)) from error
        return asdict(self._planned(suffixes) if is_dry_run else self._granted(suffixes))

    @property
    def is_asked(self) -> bool:
        """Whether a rekey waits: then the session is to end."""
        return self._asked is not None

    def _planned(self, suffixes: SuffixList) -> Rekeyed:
        with self._lock:
            database = self._database
            if database is None:
                raise RetryError("The store is not open now; try again in a few seconds.")
            cursor = database.cursor()
        try:
            return plan_rekey(database, cursor, suffixes)
        finally:
            database.release(cursor)

    def _granted(self, suffixes: SuffixList) -> Rekeyed:
        asked = _Asked(suffixes)
        with self._lock:
            if self._is_over:
                raise RetryError(_STOPPING)
            if self._asked is not None:
                raise RetryError("Another rekey is under way; ask again when it is done.")
            self._asked = asked
        asked.is_done.wait()
        if isinstance(asked.outcome, Rekeyed):
            return asked.outcome
        raise asked.outcome or RetryError("The rekey broke off; the list before it is in force.")

    # --- the work thread -----------------------------------------------------------------------------------

    def opened(self, database: Database) -> None:
        """Hear that the store is open; looks at the file of the list."""
        with self._lock:
            self._database = database
        self.watch.put_in_force(database.pins.psl_version, database.pins.psl_text)
        self.watch.look()

    def closed(self) -> None:
        """Hear that the store is about to close."""
        with self._lock:
            self._database = None

    def grant(self, writer: StoreWriter, options: IndexOptions) -> LinkIndex | None:
        """Do the rekey that was asked for and return the index of the new state; None if none was.

        Raises what `rekey` raises: then the store must be opened again, and the list before it is in force.
        """
        asked = self._asked
        if asked is None:
            return None
        try:
            asked.outcome, index = rekey(writer, asked.suffixes, options)
        except LinktideError as error:
            asked.outcome = error
            raise
        finally:
            with self._lock:
                self._asked, self._answered = None, asked
            if not isinstance(asked.outcome, Rekeyed):
                asked.is_done.set()
        return index

    def served(self) -> None:
        """Hear that what is stored can be queried: who asked for a rekey has it now."""
        with self._lock:
            answered, self._answered = self._answered, None
        if answered is not None:
            answered.is_done.set()

    def end(self) -> None:
        """Hear that no session comes any more: who waits is told."""
        with self._lock:
            self._is_over = True
            asked, self._asked = self._asked, None
        if asked is not None:
            asked.outcome = RetryError(_STOPPING)
            asked.is_done.set()
        self.served()
