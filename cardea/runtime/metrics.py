"""Metrics in Prometheus text form. A daemon names its metrics once, in a table, and counts through it.

Names follow Prometheus: unit last, counters end in ``_total``. Label values come from configuration
(portals, devices, reasons), never from what a device or a person sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
SERIES_MAX = 10_000
"""Label combinations of one metric at the most; what would go beyond is not counted."""
LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Buckets around the budgets: 15 ms, 50 ms and 150 ms."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Something that only ever grows."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gauge:
    """Something that goes up and down."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Histogram:
    """How measurements are distributed; ``buckets`` are upper bounds in the metric's unit."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = LATENCY_S


Metric = Counter | Gauge | Histogram
_Collector = prometheus_client.Counter | prometheus_client.Gauge | prometheus_client.Histogram


class Metrics:
    """The metrics of ``table`` in ``registry``. A metric that is not in the table is a KeyError."""

    def __init__(self, table: Sequence[Metric], registry: CollectorRegistry) -> None:
        prometheus_client.disable_created_metrics()
        self._registry = registry
        self._collectors: dict[Metric, _Collector] = {
            metric: _collector(metric, registry) for metric in table
        }
        self._series: dict[Metric, dict[tuple[str, ...], _Collector]] = {metric: {} for metric in table}

    def count(self, metric: Counter, n: int = 1, **labels: str) -> None:
        """Count ``n`` more."""
        series = self._find(metric, labels)
        if isinstance(series, prometheus_client.Counter):
            series.inc(n)

    def set(self, metric: Gauge, value: float, **labels: str) -> None:
        """The value is now ``value``."""
        series = self._find(metric, labels)
        if isinstance(series, prometheus_client.Gauge):
            series.set(value)

    def observe(self, metric: Histogram, value: float, **labels: str) -> None:
        """One more measurement."""
        series = self._find(metric, labels)
        if isinstance(series, prometheus_client.Histogram):
            series.observe(value)

    def text(self) -> bytes:
        """All metrics in Prometheus text form (``CONTENT_TYPE``)."""
        return generate_latest(self._registry)

    def _find(self, metric: Metric, labels: dict[str, str]) -> _Collector | None:
        if labels.keys() != set(metric.labels):
            raise ValueError(f"{metric.name} has the labels {metric.labels}, not {tuple(labels)}")
        known = self._series[metric]
        values = tuple(labels[name] for name in metric.labels)
        if values not in known:
            if len(known) >= SERIES_MAX:
                return None
            collector = self._collectors[metric]
            known[values] = collector.labels(*values) if values else collector
        return known[values]


def _collector(metric: Metric, registry: CollectorRegistry) -> _Collector:
    match metric:
        case Counter():
            return prometheus_client.Counter(metric.name, metric.help, metric.labels, registry=registry)
        case Gauge():
            return prometheus_client.Gauge(metric.name, metric.help, metric.labels, registry=registry)
        case Histogram():
            return prometheus_client.Histogram(
                metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets
            )
