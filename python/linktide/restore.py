"""From the configuration and the tables to an index."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from linktide.index import IndexOptions, LinkIndex, Seeds, Stored
from linktide.priors import read_priors
from linktide.store.rebuild import domain_rows, link_rows, page_score_rows, read_writer, topic_score_rows

if TYPE_CHECKING:
    from pyarrow import RecordBatch

    from linktide.config import Config
    from linktide.store.database import Database

_LOG = logging.getLogger("linktide")


def index_options(config: Config, seed: int) -> IndexOptions:
    """Return what the core is told of the configuration."""
    return IndexOptions(
        seed,
        epsilon_busy=config.epsilon_busy,
        epsilon_idle=config.epsilon_idle,
        authority_min_domains=config.authority_min_domains,
        rel_weights=(
            config.authority_nofollow_weight,
            config.authority_ugc_weight,
            config.authority_sponsored_weight,
        ),
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
    with (
        domain_rows(database) as domains,
        page_score_rows(database) as pages,
        topic_score_rows(database) as topics,
    ):
        index.restore_domains(domains)
        index.restore_scores(pages, topics)


def restore_index(database: Database, options: IndexOptions, seeds: Seeds) -> LinkIndex:
    """Build the index from the tables."""
    row = read_writer(database)
    with (
        domain_rows(database) as domains,
        link_rows(database) as links,
        page_score_rows(database) as pages,
        topic_score_rows(database) as topics,
    ):
        return LinkIndex.restore(options, Stored(domains, links, pages, topics, row.clock_us, row.rev), seeds)


def warn_of_unknown(index: LinkIndex, seeds: Seeds) -> None:
    """Log the seeds that no link has named yet."""
    names = sorted({*seeds.trusted, *(name for _, names in seeds.topics for name in names)})
    for name, numbers in zip(names, index.domain_numbers(names), strict=True):
        if numbers is None:
            _LOG.warning("The seed %s is no domain of any link yet; it counts once one names it.", name)
