"""From the configuration and the tables to an index."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from linktide.index import IndexOptions, LinkIndex, Seeds, SnapshotRefusedError, Stored
from linktide.priors import read_priors
from linktide.store.rebuild import (
    WriterRow,
    attribute_rows,
    contributed_rows,
    count_links,
    domain_rows,
    link_rows,
    name_rows,
    page_rows,
    page_score_rows,
    page_set_rows,
    read_writer,
    register_rows,
    topic_score_rows,
)

if TYPE_CHECKING:
    from pyarrow import RecordBatch

    from linktide.config import Config
    from linktide.snapshot import KeptSnapshot
    from linktide.store.database import Database

_LOG = logging.getLogger("linktide")


def index_options(config: Config, seed: int) -> IndexOptions:
    """Return what the core is told of the configuration; ConfigError if the prior file is no use."""
    return IndexOptions(
        seed,
        epsilon_busy=config.epsilon_busy,
        epsilon_idle=config.epsilon_idle,
        authority_min_domains=config.authority_min_domains,
        rel_weights=rel_weights(config),
        seeds=read_seeds(config),
        tracked=(*config.tracked_domains, *config.rivals)[: config.tracked_max],
    )


def rel_weights(config: Config) -> tuple[float, float, float]:
    """Return what nofollow, ugc and sponsored links weigh beside a followed one's 1."""
    return (
        config.authority_nofollow_weight,
        config.authority_ugc_weight,
        config.authority_sponsored_weight,
    )


def read_seeds(config: Config) -> Seeds:
    """Return seeds and priors as configured; raises ConfigError if the prior file cannot be used."""
    priors: list[RecordBatch] = []
    if config.authority_prior_file is not None:
        priors = read_priors(
            config.authority_prior_file, config.authority_prior_column, config.authority_prior_max_domains
        )
    return Seeds(config.authority_trusted_domains, config.authority_topics, priors)


def with_seeds(config: Config, newer: Config) -> Config:
    """Return `config` with the seeds and priors of `newer`: what may change while the service runs."""
    return replace(
        config,
        authority_trusted_domains=newer.authority_trusted_domains,
        authority_topics=newer.authority_topics,
        authority_prior_file=newer.authority_prior_file,
        authority_prior_column=newer.authority_prior_column,
        authority_prior_max_domains=newer.authority_prior_max_domains,
    )


def reseed_index(database: Database, index: LinkIndex, seeds: Seeds) -> None:
    """Give a running index other seeds; what was last written is read again."""
    index.set_seeds(seeds)
    index.restore_domains(domain_rows(database))
    index.restore_scores(page_score_rows(database), topic_score_rows(database))


def restore_index(
    database: Database, options: IndexOptions, snapshot: KeptSnapshot | None = None
) -> LinkIndex:
    """Build the index from the tables as the writer's connection sees them.

    A snapshot spares it all rows that are older, if there is one; one that is not to be trusted is named in a
    warning and left alone, for the tables are the truth.
    """
    if snapshot is not None and snapshot.path.exists():
        try:
            head = snapshot.head(database)
            return LinkIndex.restore(options, _stored(database, head.base_rev + 1), snapshot.source)
        except (SnapshotRefusedError, OSError) as error:
            _LOG.warning(
                "The snapshot %s is not used: %s. The index is read from the tables, which takes longer.",
                snapshot.path,
                error,
            )
    return LinkIndex.restore(options, _stored(database, 0))


def _stored(database: Database, since: int) -> Stored:
    row = read_writer(database)
    return Stored(
        domains=domain_rows(database, since),
        pages=page_rows(database, since),
        page_sets=page_set_rows(database, since),
        links=link_rows(database, since),
        attributes=attribute_rows(database, since),
        registers=register_rows(database, since),
        names_of=lambda keys: name_rows(database, keys),
        page_scores=page_score_rows(database, since),
        topic_scores=topic_score_rows(database, since),
        new_links=count_links(database, since),
        contributed=contributed_rows(database),
        clock_us=row.clock_us,
        rev=row.rev,
    )


def writer_row_of(index: LinkIndex, rev: int, clock_us: int | None) -> WriterRow:
    """Return what a commit tells of the index."""
    numbers = index.numbers()
    return WriterRow(
        rev,
        clock_us,
        int(numbers["live_links"]),
        numbers["authority_error_bound"],
        bool(numbers["authority_is_shown"]),
        numbers["authority_trust_scale"] or None,
        index.topics,
    )


def warn_of_unknown(index: LinkIndex, seeds: Seeds) -> None:
    """Log the seeds that no link has named yet."""
    names = sorted({*seeds.trusted, *(name for _, names in seeds.topics for name in names)})
    for name, numbers in zip(names, index.domain_numbers(names), strict=True):
        if numbers is None:
            _LOG.warning("The seed %s is no domain of any link yet; it counts once one names it.", name)
