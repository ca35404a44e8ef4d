"""The outbox: what is committed here is sent until the aggregator says it is stored (SAFETY.md R1–R8)."""

from edge.outbox.group_commit import StoreStalled
from edge.outbox.lanes import Counters, Limits, Row
from edge.outbox.outbox import NAME, Outbox
from edge.outbox.rows import RowRefused

__all__ = ["NAME", "Counters", "Limits", "Outbox", "Row", "RowRefused", "StoreStalled"]
