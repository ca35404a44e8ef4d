"""Typed queries for API and console. Each runs on its own reading connection in a worker thread:
``await ledger.read(reads.entries, scope, EntryQuery(portal="lobby-a"))``.

Lists are sorted newest first by the gateways' clocks and paged by cursor. A row outside the scope is as if
it did not exist.
"""

from cloud.ledger.reads.accounting import epochs, lanes, orders
from cloud.ledger.reads.alerts import INHIBITED_KINDS, alert, alert_events, alerts, open_silences
from cloud.ledger.reads.devices import device_events, devices
from cloud.ledger.reads.entries import entries, entry, outcome_counts, passages, reason_counts
from cloud.ledger.reads.pieces import is_visible, visible_gateways
from cloud.ledger.reads.places import gateways, organisations, portals, sites
from cloud.ledger.reads.wall import entries_after, wall
from cloud.ledger.reads.zones import cycle_orders, zone_history, zones

__all__ = [
    "INHIBITED_KINDS",
    "alert",
    "alert_events",
    "alerts",
    "cycle_orders",
    "device_events",
    "devices",
    "entries",
    "entries_after",
    "entry",
    "epochs",
    "gateways",
    "is_visible",
    "lanes",
    "open_silences",
    "orders",
    "organisations",
    "outcome_counts",
    "passages",
    "portals",
    "reason_counts",
    "sites",
    "visible_gateways",
    "wall",
    "zone_history",
    "zones",
]
