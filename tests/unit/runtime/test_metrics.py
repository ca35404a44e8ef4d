"""Metrics: named once, counted by label, shown as Prometheus text."""

import pytest
from prometheus_client import CollectorRegistry

from cardea.runtime import metrics
from cardea.runtime.metrics import Counter, Gauge, Histogram, Metrics

DECISIONS = Counter("decisions_total", "Decided approaches", ("portal", "outcome"))
PENDING = Gauge("outbox_pending_rows", "Rows that wait")
COMMIT = Histogram("commit_s", "Append to fsync", buckets=(0.01, 0.1))


@pytest.fixture
def made() -> Metrics:
    return Metrics((DECISIONS, PENDING, COMMIT), CollectorRegistry())


def _lines(made: Metrics) -> set[str]:
    return {line for line in made.text().decode().splitlines() if not line.startswith("#")}


def test_what_was_counted_set_and_observed_is_shown(made: Metrics) -> None:
    made.count(DECISIONS, portal="a", outcome="grant")
    made.count(DECISIONS, 2, outcome="grant", portal="a")
    made.count(DECISIONS, portal="b", outcome="deny")
    made.set(PENDING, 7)
    made.observe(COMMIT, 0.05)
    assert _lines(made) == {
        'decisions_total{outcome="grant",portal="a"} 3.0',
        'decisions_total{outcome="deny",portal="b"} 1.0',
        "outbox_pending_rows 7.0",
        'commit_s_bucket{le="0.01"} 0.0',
        'commit_s_bucket{le="0.1"} 1.0',
        'commit_s_bucket{le="+Inf"} 1.0',
        "commit_s_count 1.0",
        "commit_s_sum 0.05",
    }


def test_two_registries_share_nothing(made: Metrics) -> None:
    other = Metrics((PENDING,), CollectorRegistry())
    made.set(PENDING, 7)
    assert _lines(other) == {"outbox_pending_rows 0.0"}


def test_wrong_labels_and_unnamed_metrics_are_mistakes(made: Metrics) -> None:
    with pytest.raises(ValueError, match="decisions_total has the labels"):
        made.count(DECISIONS, portal="a")
    with pytest.raises(KeyError):
        made.set(Gauge("other", "Not in the table"), 1)


def test_label_combinations_are_bounded(made: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "SERIES_MAX", 2)
    for portal in ("a", "b", "c", "a"):
        made.count(DECISIONS, portal=portal, outcome="grant")
    assert 'decisions_total{outcome="grant",portal="a"} 2.0' in _lines(made)
    assert not any('portal="c"' in line for line in _lines(made))
