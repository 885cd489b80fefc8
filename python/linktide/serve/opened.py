"""What is open while a session runs, as whoever answers for the service sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linktide.index import LinkIndex
    from linktide.pipeline import Session
    from linktide.serve.kept_answers import KeptAnswers
    from linktide.store.catalogue import Catalogue
    from linktide.store.database import Database
    from linktide.store.reader import ReaderPool


@dataclass(frozen=True, slots=True)
class Opened:
    """A session and the ways to read beside it."""

    session: Session
    index: LinkIndex
    database: Database
    readers: ReaderPool
    answers: KeptAnswers
    """Of the live view: never older than the newest batch."""
    page_answers: KeptAnswers
    """Of the page: those that took long are read less often."""
    catalogue: Catalogue
