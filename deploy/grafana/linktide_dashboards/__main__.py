"""Writes the dashboards: `make dashboards`."""

from __future__ import annotations

import sys
from pathlib import Path

from linktide_dashboards import alerts, authority, competitors, pipeline, store_sql, velocity
from linktide_dashboards.board import Board, board_json

BOARDS: tuple[Board, ...] = (
    velocity.BOARD,
    authority.BOARD,
    competitors.BOARD,
    alerts.BOARD,
    pipeline.BOARD,
    store_sql.BOARD,
)


def files() -> dict[str, str]:
    """Return the text of each file by its name."""
    return {f"{board.uid}.json": board_json(board) for board in BOARDS}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, text in files().items():
        (folder / name).write_text(text, "utf-8")
