"""The Prometheus text format, version 0.0.4: what a scrape reads.

Written here and not by prometheus-client, which takes five times as long: it checks every label name of every
sample anew. A hundred tracked domains have some three thousand series, and a scrape holds the interpreter.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from linktide.metrics.catalog import Metric

_IN_LABEL: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_IN_HELP: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})
_WORDS: Final = {float("inf"): "+Inf", float("-inf"): "-Inf"}


def head(metric: Metric) -> str:
    """Return what stands before the samples of a metric."""
    return f"# HELP {metric.name} {metric.help.translate(_IN_HELP)}\n# TYPE {metric.name} {metric.kind}\n"


def series_name(name: str, labels: Sequence[str], values: Sequence[str]) -> str:
    """Return the name of a series with its labels; what UTF-8 cannot hold becomes a question mark.

    The name of a file may hold such, and would break every scrape.
    """
    if not labels:
        return name
    pairs = ",".join(
        f'{label}="{value.encode("utf-8", "replace").decode("utf-8").translate(_IN_LABEL)}"'
        for label, value in sorted(zip(labels, values, strict=True))
    )
    return f"{name}{{{pairs}}}"


def number_text(value: float) -> str:
    """Return a value as Prometheus reads it."""
    return "NaN" if value != value else _WORDS.get(value) or repr(float(value))  # noqa: PLR0124 - NaN is no number


def samples(names: Mapping[tuple[str, ...], str], numbers: Mapping[tuple[str, ...], float]) -> Iterator[str]:
    """Yield the lines of a counter or gauge; `names` has the names of all its series."""
    for labels, value in numbers.items():
        yield f"{names[labels]} {number_text(value)}\n"


def distribution(metric: Metric, values: Sequence[str], counts: Sequence[int], total: float) -> Iterator[str]:
    """Yield the lines of one histogram: counts by bucket, the last one without an upper bound."""
    bounds = [*(str(float(bound)) for bound in metric.buckets), "+Inf"]
    for bound, count in zip(bounds, accumulate(counts), strict=True):
        name = series_name(f"{metric.name}_bucket", (*metric.labels, "le"), (*values, bound))
        yield f"{name} {number_text(count)}\n"
    yield f"{series_name(f'{metric.name}_count', metric.labels, values)} {number_text(sum(counts))}\n"
    yield f"{series_name(f'{metric.name}_sum', metric.labels, values)} {number_text(total)}\n"
