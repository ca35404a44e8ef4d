"""Outbox → bus: what waits is sent by priority, and deleted only when the aggregator says it is stored."""

from edge.uplink.uplink import PRESENCE_S, Uplink

__all__ = ["PRESENCE_S", "Uplink"]
