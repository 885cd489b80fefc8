"""How the service tells what happened: a sentence for people, or one JSON object a line."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from linktide.config import Config

_TEXT_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class JsonLines(logging.Formatter):
    """One JSON object a line, with stable keys: at, level, logger, message, error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def set_up(config: Config, stream: TextIO | None = None) -> None:
    """Send the service's log to `stream` (stderr), as log_format and log_level say."""
    handler = logging.StreamHandler(stream or sys.stderr)
    is_json = config.log_format == "json"
    handler.setFormatter(JsonLines() if is_json else logging.Formatter(_TEXT_FORMAT))
    logger = logging.getLogger("linktide")
    logger.handlers[:] = [handler]
    logger.setLevel(config.log_level.upper())
    logger.propagate = False
    # What kafka-python says while brokers are away is said once, in our words, by the source.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
