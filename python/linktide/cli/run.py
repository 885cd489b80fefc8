"""`linktide run`: the long-lived service."""

from __future__ import annotations

from functools import partial

import click

from linktide.cli import session
from linktide.cli.flags import config_options, read_config


@click.command("run", short_help="Run the service.")
@config_options
@click.option("--track", "tracked_domains", metavar="DOMAIN,…", help="Your own domains.  [tracked_domains]")
@click.option("--rivals", metavar="DOMAIN,…", help="Domains to compare with.  [rivals]")
@click.option("--brokers", "kafka_bootstrap_servers", metavar="HOST:PORT,…", help="[kafka.bootstrap_servers]")
@click.option("--topics", "kafka_topics", metavar="TOPIC,…", help="Topics to read.  [kafka.topics]")
@click.option("--http-port", metavar="PORT", help="Port of page, API and metrics.  [http_port]")
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.  [log_level]")
def run(**flags: object) -> None:
    """Run the service: read events, keep the index, answer queries.

    A flag wins over its LINKTIDE_* variable, that over the file. SIGTERM and Ctrl-C stop it cleanly.
    SIGHUP takes the seeds and priors of authority from the configuration again.
    """
    load = partial(read_config, **flags)  # type: ignore[arg-type]  # named by the options above
    session.run_service(load(), load)
