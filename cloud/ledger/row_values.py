"""A row of the record lane as the values of its table."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from sqlalchemy import Table

from cardea.contract.records import (
    AuditRecord,
    DecisionRecord,
    DeviceRecord,
    GapRecord,
    PassageRecord,
    ReceiptRecord,
    Record,
)
from cardea.contract.zones import ZoneRecord
from cloud.ingest.rows import Row
from cloud.ledger import tables as t

Values = dict[str, Any]


def _decision(r: DecisionRecord) -> Values:
    subject = r.subject
    return {
        "portal": r.portal,
        "side": r.side.value,
        "outcome": r.outcome.value,
        "reason": r.reasons[0].value if r.reasons else "",
        "reasons": r.reasons,
        "policy_version": r.policy_version,
        "mode": r.mode.value,
        "authority": r.authority.value,
        "device": r.device,
        "subject_domain": subject and subject.domain,
        "subject_key_id": subject and subject.key_id,
        "subject_value": subject and subject.value,
        "credential": r.credential and r.credential.value,
        "screening": r.screening.value,
        "surface_temp_c": r.surface_temp_c,
        "input_age_s": r.input_age_s,
        "effects": r.effects,
        "screening_terms": r.screening_terms,
        "not_screened": r.not_screened and r.not_screened.value,
    }


def _passage(r: PassageRecord) -> Values:
    return {
        "portal": r.portal,
        "side": r.side.value,
        "device": r.device,
        "decision": r.decision,
        "backfilled": r.backfilled,
    }


def _device(r: DeviceRecord) -> Values:
    return {
        "device": r.device,
        "driver": r.driver,
        "state": r.state.value,
        "reason": r.reason,
        "portal": r.portal,
        "firmware": r.firmware,
        "clock_skew_s": r.clock_skew_s,
        "rejects": r.rejects,
    }


def _audit(r: AuditRecord) -> Values:
    return {
        "position": r.index,
        "event": r.event,
        "actor": r.actor,
        "detail": r.detail,
        "prev": r.prev,
        "hash": r.hash,
    }


def _gap(r: GapRecord) -> Values:
    return {"lane": r.lane, "gap_epoch": r.epoch, "first": r.first, "last": r.last, "reason": r.reason}


def _receipt(r: ReceiptRecord) -> Values:
    return {"order_id": r.order, "result": r.result, "refusal": r.refusal and r.refusal.value}


def _zone(r: ZoneRecord) -> Values:
    return {
        "zone": r.zone,
        "title": r.title,
        "state": r.state.value,
        "hazard": r.hazard.value,
        "monitor_only": r.monitor_only,
        "two_people": r.two_people,
        "since": r.since.utc,
        "unit": r.unit,
        "permissives": r.permissives,
        "portals": r.portals,
        "cycle": r.cycle,
        "stopped": r.stopped and r.stopped.value,
        "last": r.last,
    }


TABLES: dict[type, tuple[Table, Callable[[Any], Values]]] = {
    DecisionRecord: (t.decisions, _decision),
    PassageRecord: (t.passages, _passage),
    DeviceRecord: (t.device_events, _device),
    AuditRecord: (t.audit_links, _audit),
    GapRecord: (t.gaps, _gap),
    ReceiptRecord: (t.receipts, _receipt),
    ZoneRecord: (t.zone_events, _zone),
}
"""Where each kind of record is kept, and how."""


def row_values(row: Row, record: Record, received_at: dt.datetime) -> tuple[Table, Values]:
    """The table of a record, and its values there."""
    table, values_of = TABLES[type(record)]
    values = values_of(record)
    values["gateway"] = row.gateway
    values["epoch"] = row.epoch
    values["seq"] = row.seq
    values["id"] = record.id
    values["at"] = record.at.utc
    values["clock"] = record.at.quality.value
    values["received_at"] = received_at
    return table, values


def device_values(row: Row, record: DeviceRecord) -> Values:
    """What the device matrix keeps of it."""
    return {**_device(record), **_place(row, record.at.utc)}


def zone_values(row: Row, record: ZoneRecord) -> Values:
    """What is kept of a zone as it stands."""
    return {**_zone(record), **_place(row, record.at.utc)}


def _place(row: Row, at: dt.datetime) -> Values:
    """Whose it is, and its order among what came before and after."""
    return {"gateway": row.gateway, "at": at, "epoch_number": row.epoch_number, "seq": row.seq}
