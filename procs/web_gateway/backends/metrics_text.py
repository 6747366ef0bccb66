"""The metrics in the Prometheus text format, by prometheus-client.

Source: Prometheus, Exposition formats, text format version 0.0.4.
"""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from procs.web_gateway.core.metrics import METRICS, Figures, Kind, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


def exposition(figures: Figures) -> bytes:
    """All metrics; those without a value yet show their name and meaning alone."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(figures))
    return generate_latest(registry)


class _Figures(Collector):
    """Our figures as prometheus-client collects them."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Family]:
        """One family per row of the table."""
        for metric in METRICS.values():
            yield self._histogram(metric) if metric.kind is Kind.HISTOGRAM else self._plain(metric)

    def _plain(self, metric: Metric) -> Family:
        kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        family = kind(metric.name, metric.doc, labels=metric.labels)
        for labels, value in self._figures.values(metric.name).items():
            family.add_metric(labels, value)
        return family

    def _histogram(self, metric: Metric) -> Family:
        family = HistogramMetricFamily(metric.name, metric.doc, labels=metric.labels)
        bounds = (*(str(bound) for bound in metric.buckets), "+Inf")
        for labels, seen in self._figures.distributions(metric.name):
            family.add_metric(labels, list(zip(bounds, accumulate(seen.counts), strict=True)), seen.total)
        return family
