"""The process that publishes: `python -m linktide.publishing`, started by `publisher.py` for one round.

It speaks in lines of JSON: an order comes first, then it asks for steps of a backup and is answered, and the
last thing it says is what became of it. POSIX locks belong to a process: only one that does not hold the
database may open and close its file.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linktide.errors import LinktideError, RetryError, StopError
from linktide.store.copying import FileCopy
from linktide.store.publish import Order, publish

if TYPE_CHECKING:
    from collections.abc import Mapping

_NICENESS = 10
"""Once the writer no longer waits for this process it may take what others leave."""


class _Line:
    """The service at the other end of the line."""

    def __init__(self, order: Order) -> None:
        self._copy = FileCopy(order.source, order.target)
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="linktide-line", daemon=True).start()

    def backup(self, step: str, token: str = "") -> Mapping[str, object]:
        """Ask for a step of a backup. Raises what was answered."""
        say({"step": step, "token": token})
        told: dict[str, Any] = json.loads(self._answers.get())
        if "refused" in told:
            raise (RetryError if told["is_retry"] else StopError)(told["refused"])
        answer: dict[str, object] = told["answer"]
        return answer

    def _listen(self) -> None:
        for line in sys.stdin:
            self._answers.put(line)
        # The service is gone: nobody may find what was not finished, least of all the next round.
        self._copy.drop()
        os._exit(1)


def say(told: Mapping[str, object]) -> None:
    """Say one thing to the service."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def order_line(order: Order) -> str:
    """Return an order as `read_order` takes it."""
    return json.dumps(asdict(order) | {"source": str(order.source), "target": str(order.target)}) + "\n"


def read_order(line: str) -> Order:
    """Return the order of a line."""
    told: dict[str, Any] = json.loads(line)
    return Order(**told | {"source": Path(told["source"]), "target": Path(told["target"])})


def main() -> None:
    """Carry out one order."""
    order = read_order(sys.stdin.readline())
    try:
        published = publish(order, _Line(order), lambda: os.nice(_NICENESS))
    except LinktideError as error:
        say({"failed": str(error), "is_retry": type(error) is RetryError})
    except Exception as error:  # noqa: BLE001 - the service tells it, and goes on
        say({"failed": f"The snapshot file could not be made ({error!r}).", "is_retry": False})
    else:
        say({"published": asdict(published)})


if __name__ == "__main__":
    main()
