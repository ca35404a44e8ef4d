"""The ledger's one writing connection: a group of rows, their findings and their stored ranges together."""

import datetime as dt
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Table, delete, insert, select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from cardea.contract.batches import Lane
from cardea.contract.encoding import encode
from cardea.contract.ranges import Ranges, Span, merge
from cardea.contract.records import AlertCleared, AlertRaised, DecisionRecord, DeviceRecord
from cardea.contract.zones import ZoneRecord
from cloud.ingest.epochs import Epoch, Epochs, Standing
from cloud.ingest.group import Group, Known, LaneKey
from cloud.ingest.rows import Poison, Row
from cloud.ledger import alerts as alert_store
from cloud.ledger import tables as t
from cloud.ledger.dialect import insert_new, insert_or_set
from cloud.ledger.failure import LedgerFailed, first_line
from cloud.ledger.row_values import TABLES, Values, device_values, row_values, zone_values
from cloud.rules.findings import Finding
from cloud.rules.from_rows import findings

_ROW_KEYS = ("gateway", "epoch", "seq")
_HEARD_EVERY = dt.timedelta(seconds=5)
PORTALS_SEEN_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did beside storing the rows of the group."""

    alerts: tuple[int, ...]
    """Ids of alerts that were made or changed."""
    poison: tuple[Poison, ...]
    """Rows that the store would not take; they are in quarantine."""


@dataclass(slots=True)
class _Writes:
    """What one row, or many, put into tables; the same for the swift and the careful way."""

    rows: dict[Table, list[Values]] = field(default_factory=dict[Table, list[Values]])
    devices: dict[tuple[str, str], Values] = field(default_factory=dict[tuple[str, str], Values])
    zones: dict[tuple[str, str], Values] = field(default_factory=dict[tuple[str, str], Values])
    portals: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    findings: list[Finding] = field(default_factory=list[Finding])


class Writer:
    """Commits groups. All of it runs in the ledger's writing thread."""

    def __init__(self, engine: Engine) -> None:
        dialect = engine.dialect.name
        self._new_row: dict[Table, Insert] = {
            table: insert_new(dialect, table, _ROW_KEYS) for table, _ in TABLES.values()
        }
        self._newer_device = insert_or_set(dialect, t.devices, ("epoch_number", "seq"))
        self._newer_zone = insert_or_set(dialect, t.zones, ("epoch_number", "seq"))
        self._new_portal = insert_new(dialect, t.portals, ("gateway", "portal"))
        self._set_presence = insert_or_set(dialect, t.presence)
        self._portals: set[tuple[str, str]] = set()
        self._heard_at: dict[str, dt.datetime] = {}

    def commit(
        self, connection: Connection, group: Group, found: Sequence[Finding], received_at: dt.datetime
    ) -> Committed:
        """Store the group in one transaction: rows, findings, epochs, presence and stored ranges.

        A row that the store refuses goes to quarantine and never stops the others. Returns after the
        commit's fsync.

        Raises:
            LedgerFailed: the store failed; whether anything was stored is unknown.
        """
        try:
            try:
                return self._swiftly(connection, group, found, received_at)
            except POISONOUS as error:
                if not _poisonous(error):
                    raise
                return self._carefully(connection, group, found, received_at)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise LedgerFailed(first_line(error)) from error

    def _swiftly(
        self, connection: Connection, group: Group, found: Sequence[Finding], received_at: dt.datetime
    ) -> Committed:
        with connection.begin():
            self._write_epochs(connection, group, received_at)
            alerts = self._write(connection, self._writes(group.rows, received_at), received_at)
            alerts += self._apply(connection, found, received_at)
            self._write_rest(connection, group, group.poison, received_at)
        return Committed(tuple(dict.fromkeys(alerts)), ())

    def _carefully(
        self, connection: Connection, group: Group, found: Sequence[Finding], received_at: dt.datetime
    ) -> Committed:
        """Row by row, each in its own savepoint."""
        alerts: list[int] = []
        refused: list[Poison] = []
        self._portals.clear()  # what was seen may have been rolled back
        with connection.begin():
            self._write_epochs(connection, group, received_at)
            for row in group.rows:
                try:
                    with connection.begin_nested():
                        alerts += self._write(connection, self._writes([row], received_at), received_at)
                except POISONOUS as error:
                    if not _poisonous(error):
                        raise
                    refused.append(_refused(row, error))
            alerts += self._apply(connection, found, received_at)
            self._write_rest(connection, group, (*group.poison, *refused), received_at)
        self._portals.clear()
        return Committed(tuple(dict.fromkeys(alerts)), tuple(refused))

    # --- Rows ---------------------------------------------------------------------------------

    def _writes(self, rows: Iterable[Row], received_at: dt.datetime) -> _Writes:
        writes = _Writes()
        for row in rows:
            body = row.body
            if not isinstance(body, AlertRaised | AlertCleared):
                table, values = row_values(row, body, received_at)
                writes.rows.setdefault(table, []).append(values)
            if isinstance(body, DecisionRecord):
                writes.portals.add((row.gateway, body.portal))
            elif isinstance(body, DeviceRecord):
                _keep_last(writes.devices, (row.gateway, body.device), device_values(row, body))
            elif isinstance(body, ZoneRecord):
                _keep_last(writes.zones, (row.gateway, body.zone), zone_values(row, body))
            writes.findings.extend(findings(row))
        return writes

    def _write(self, connection: Connection, writes: _Writes, received_at: dt.datetime) -> list[int]:
        for table, values in writes.rows.items():
            connection.execute(self._new_row[table], values)
        if writes.devices:
            connection.execute(self._newer_device, list(writes.devices.values()))
        if writes.zones:
            connection.execute(self._newer_zone, list(writes.zones.values()))
        unseen = writes.portals - self._portals
        if unseen:
            connection.execute(
                self._new_portal, [{"gateway": g, "portal": portal, "name": portal} for g, portal in unseen]
            )
            if len(self._portals) > PORTALS_SEEN_MAX:
                self._portals.clear()
            self._portals |= unseen
        return self._apply(connection, writes.findings, received_at)

    def _apply(self, connection: Connection, found: Sequence[Finding], received_at: dt.datetime) -> list[int]:
        changed = (alert_store.apply(connection, finding, received_at) for finding in found)
        return [alert for alert in changed if alert is not None]

    # --- What makes them exactly-once ---------------------------------------------------------

    def _write_rest(
        self, connection: Connection, group: Group, poison: Sequence[Poison], received_at: dt.datetime
    ) -> None:
        if poison:
            keep_poison(connection, poison, received_at)
        if group.presences:
            connection.execute(
                self._set_presence,
                [
                    {
                        "gateway": gateway,
                        "online": heard.presence.online,
                        "epoch": heard.presence.epoch,
                        "version": heard.presence.version,
                        "policy_version": heard.presence.policy_version,
                        "pending": heard.presence.pending,
                        "said_at": heard.presence.at.utc,
                        "heard_at": received_at,
                    }
                    for gateway, heard in group.presences.items()
                ],
            )
        for key, after in group.stored.items():
            keep_ranges(connection, key, group.known.stored.get(key, ()), after)

    def _write_epochs(self, connection: Connection, group: Group, received_at: dt.datetime) -> None:
        c = t.epochs.c
        for gateway, epochs in group.epochs.items():
            known = {epoch.name for epoch in group.known.epochs[gateway].known}
            for epoch in epochs.known:
                if epoch.name in known:
                    connection.execute(
                        update(t.epochs)
                        .where(c.gateway == gateway, c.epoch == epoch.name)
                        .values(standing=epoch.standing.value)
                    )
                else:
                    connection.execute(insert(t.epochs).values(_epoch_values(gateway, epoch, received_at)))
        for gateway, epoch in group.heard.items():
            written = self._heard_at.get(gateway)
            if written is not None and abs(received_at - written) < _HEARD_EVERY:
                continue
            connection.execute(
                update(t.epochs)
                .where(c.gateway == gateway, c.epoch == epoch)
                .values(last_heard_at=received_at)
            )
            self._heard_at[gateway] = received_at


def keep_poison(connection: Connection, poison: Sequence[Poison], received_at: dt.datetime) -> None:
    """Into quarantine, each once."""
    connection.execute(
        insert_new(connection.dialect.name, t.quarantine, ("gateway", "lane", "epoch", "seq")),
        [
            {
                "gateway": p.gateway,
                "lane": p.channel,
                "epoch": p.epoch,
                "seq": p.seq,
                "reason": p.reason,
                "raw": p.raw,
                "received_at": received_at,
            }
            for p in poison
        ],
    )


def keep_ranges(connection: Connection, key: LaneKey, before: Ranges, after: Ranges) -> None:
    """What is stored of one outbox's lane, where ``before`` stands now."""
    gateway, lane, epoch = key
    c = t.stored_ranges.c
    kept = {first for first, _ in after}
    gone = [first for first, _ in before if first not in kept]
    if gone:
        connection.execute(
            delete(t.stored_ranges).where(
                c.gateway == gateway, c.lane == lane.value, c.epoch == epoch, c.first.in_(gone)
            )
        )
    new = set(after) - set(before)
    connection.execute(
        insert_or_set(connection.dialect.name, t.stored_ranges),
        [
            {"gateway": gateway, "lane": lane.value, "epoch": epoch, "first": first, "last": last}
            for first, last in sorted(new)
        ],
    )


def load_known(connection: Connection, gateways: Iterable[str]) -> tuple[Known, dict[str, dt.datetime]]:
    """What is stored of these gateways, and when each active epoch was last heard."""
    epochs: dict[str, Epochs] = {gateway: Epochs() for gateway in gateways}
    heard_at: dict[str, dt.datetime] = {}
    for r in connection.execute(select(t.epochs).order_by(t.epochs.c.gateway, t.epochs.c.number)):
        if r.gateway not in epochs:
            continue
        epoch = Epoch(r.epoch, r.number, Standing(r.standing))
        epochs[r.gateway] = Epochs((*epochs[r.gateway].known, epoch))
        if epoch.standing is Standing.ACTIVE:
            heard_at[r.gateway] = r.last_heard_at
    spans: dict[LaneKey, list[Span]] = {}
    for r in connection.execute(select(t.stored_ranges)):
        spans.setdefault((r.gateway, Lane(r.lane), r.epoch), []).append((r.first, r.last))
    return Known(epochs, {key: merge(parts) for key, parts in spans.items()}), heard_at


def telemetry_ranges(connection: Connection) -> dict[LaneKey, Ranges]:
    """What a series store without room for them has stored of every outbox."""
    spans: dict[LaneKey, list[Span]] = {}
    c = t.stored_ranges.c
    for r in connection.execute(select(t.stored_ranges).where(c.lane == Lane.TELEMETRY.value)):
        spans.setdefault((r.gateway, Lane.TELEMETRY, r.epoch), []).append((r.first, r.last))
    return {key: merge(parts) for key, parts in spans.items()}


def _keep_last(kept: dict[tuple[str, str], Values], key: tuple[str, str], values: Values) -> None:
    before = kept.get(key)
    if before is None or _place(values) > _place(before):
        kept[key] = values


def _place(values: Values) -> tuple[int, int]:
    return values["epoch_number"], values["seq"]


def _epoch_values(gateway: str, epoch: Epoch, heard_at: dt.datetime) -> dict[str, Any]:
    return {
        "gateway": gateway,
        "epoch": epoch.name,
        "number": epoch.number,
        "standing": epoch.standing.value,
        "first_heard_at": heard_at,
        "last_heard_at": heard_at,
    }


POISONOUS = (IntegrityError, DataError, StatementError, OverflowError, ValueError, TypeError)
"""Errors that lie in the values of a row and not in the store, but see :func:`_poisonous`."""


def _poisonous(error: BaseException) -> bool:
    """StatementError is the base of what a failing store raises, too."""
    return not isinstance(error, DBAPIError) or isinstance(error, IntegrityError | DataError)


def _refused(row: Row, error: BaseException) -> Poison:
    return Poison(row.gateway, row.lane, row.epoch, row.seq, first_line(error), encode(row.body))
