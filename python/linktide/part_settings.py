"""What the configuration tells the parts of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linktide.pipeline import PipelineSettings
from linktide.store.reader import QueryLimits, ReaderSettings

if TYPE_CHECKING:
    from linktide.config import Config


def reader_settings(config: Config) -> ReaderSettings:
    """Return the limits of readers."""
    limits = QueryLimits(
        timeout_seconds=config.statement_timeout_seconds,
        rows=config.query_max_rows,
        bytes=config.query_max_bytes,
    )
    return ReaderSettings(size=config.reader_connections, limits=limits)


def pipeline_settings(config: Config) -> PipelineSettings:
    """Return the bounds of batches and queue."""
    return PipelineSettings(
        batch_max_events=config.batch_max_events,
        batch_max_seconds=config.batch_max_seconds,
        catch_up_max_events=config.catch_up_max_events,
        queue_max_bytes=config.queue_max_bytes,
    )
