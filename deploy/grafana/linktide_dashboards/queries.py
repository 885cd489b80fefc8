"""What a panel asks: PromQL of Prometheus, or SQL of linktide's own endpoint for PostgreSQL clients."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import cleandoc
from typing import Final

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="${prometheus_datasource}")
SQL: Final = DataSourceRef(type_val="grafana-postgresql-datasource", uid="${sql_datasource}")
TARGETS: Final = 'job=~"$job", instance=~"$instance"'
DOMAINS: Final = 'domain=~"$domain"'
QUANTILES: Final = (0.5, 0.99)


@dataclass(frozen=True)
class Prom:
    """A PromQL expression, and how its series are named; instant in panels that show the present."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Sql:
    """A SELECT; a time series if its first column is `time`, asked so, else a table."""

    text: str
    is_series: bool = False


def of(metric: str, **labels: str) -> str:
    """Select a metric of the chosen instances, with these labels."""
    return f"{metric}{{{', '.join((TARGETS, *_equal(labels)))}}}"


def of_domains(metric: str, **labels: str) -> str:
    """Select a metric of the chosen domains, with these labels."""
    return f"{metric}{{{', '.join((TARGETS, DOMAINS, *_equal(labels)))}}}"


def _equal(labels: dict[str, str]) -> list[str]:
    return [f'{name}="{value}"' for name, value in labels.items()]


def by_instance(metric: str) -> Prom:
    """Return the sum over an instance; 0 where it has no such series, as a service without Kafka."""
    none = f"0 * max by (instance) ({of('linktide_build_info')})"
    return Prom(f"sum by (instance) ({of(metric)}) or on (instance) {none}", "{{instance}}")


def rate(metric: str, *by: str, legend: str | None = None) -> Prom:
    """Return a counter a second, summed up by these labels beside the instance."""
    named = legend or " ".join(f"{{{{{label}}}}}" for label in by or ("instance",))
    sides = ", ".join(("instance", *by))
    return Prom(f"sum by ({sides}) (rate({of(metric)}[$__rate_interval]))", named)


def rate_of_domains(metric: str, legend: str) -> Prom:
    """Return a counter of the chosen domains a second."""
    return Prom(f"sum by (domain) (rate({of_domains(metric)}[$__rate_interval]))", legend)


def quantiles(metric: str) -> tuple[Prom, ...]:
    """Return the median and the slowest hundredth of a histogram, over all chosen instances."""
    buckets = f"sum by (le) (rate({of(f'{metric}_bucket')}[$__rate_interval]))"
    return tuple(
        Prom(f"histogram_quantile({share}, {buckets})", f"p{share * 100:.0f}") for share in QUANTILES
    )


@dataclass
class _SqlTarget(variants.Dataquery):
    """The query of Grafana's PostgreSQL data source; the SDK has no class for it."""

    ref_id: str
    text: str
    is_series: bool

    def to_json(self) -> dict[str, object]:
        """Return it as Grafana stores it."""
        return {
            "datasource": SQL,
            "editorMode": "code",
            "format": "time_series" if self.is_series else "table",
            "rawQuery": True,
            "rawSql": cleandoc(self.text),
            "refId": self.ref_id,
        }


@dataclass
class _Built(builder.Builder[variants.Dataquery]):
    target: variants.Dataquery

    def build(self) -> variants.Dataquery:
        """Return what is built already."""
        return self.target


def target(
    query: Prom | Sql, ref_id: str, *, is_instant: bool, is_table: bool
) -> builder.Builder[variants.Dataquery]:
    """Make the query of a panel."""
    if isinstance(query, Sql):
        return _Built(_SqlTarget(ref_id, query.text, query.is_series))
    made = prometheus.Dataquery().expr(query.expr).legend_format(query.legend)
    made = made.ref_id(ref_id).datasource(PROMETHEUS)
    made = made.instant() if is_instant else made.range()
    return made.format(PromQueryFormat.TABLE) if is_table else made
