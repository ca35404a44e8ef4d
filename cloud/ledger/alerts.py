"""Alerts in the ledger: findings and people move them through their life; every change is kept."""

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_, update

from cardea.contract.records import Severity
from cloud.ledger import tables as t
from cloud.ledger.alert_life import TRANSITIONS, Change, Input, Phase, phase_of, worse
from cloud.ledger.dialect import insert_new
from cloud.ledger.reads import alert as read_alert
from cloud.ledger.scope import Scope
from cloud.ledger.views import AlertRow
from cloud.rules.findings import Clear, Finding, Place, Raise

Values = dict[str, Any]
AnyRow = Row[*tuple[Any, ...]]
_EVENT_KEYS = ("gateway", "lane", "epoch", "seq", "fingerprint")


def apply(connection: Connection, finding: Finding, received_at: dt.datetime) -> int | None:
    """Let a finding act on its alert. The same row of the same lane acts once.

    Returns:
        The alert's id when it was made or its history grew, else ``None``.
    """
    alert = _find(connection, finding.gateway, finding.fingerprint)
    later = None if alert is not None else _later_clear(connection, finding)
    phase = Phase.NEW if alert is None else _phase(alert)
    what = _input(finding, alert, later)
    after, change = TRANSITIONS[phase, what]
    if not _record(connection, finding, change, received_at):
        return None
    if isinstance(finding, Clear):
        return None if alert is None else _cleared(connection, finding, alert, change)
    if alert is None:
        return _made(connection, finding, after, later)
    return _raised(connection, finding, alert, after, change)


def acknowledge(
    connection: Connection, scope: Scope, alert_id: int, by: str, note: str, at: dt.datetime
) -> AlertRow | None:
    """A person has taken it on. The alert afterwards; ``None`` when there is none of that id in scope."""
    return _act(connection, scope, alert_id, Input.ACKNOWLEDGE, by, note, at)


def withdraw(
    connection: Connection, scope: Scope, alert_id: int, by: str, note: str, at: dt.datetime
) -> AlertRow | None:
    """A person takes an acknowledgement back; as :func:`acknowledge`."""
    return _act(connection, scope, alert_id, Input.WITHDRAW, by, note, at)


def add_note(
    connection: Connection, scope: Scope, alert_id: int, by: str, note: str, at: dt.datetime
) -> AlertRow | None:
    """A person writes something down; as :func:`acknowledge`."""
    return _act(connection, scope, alert_id, Input.NOTE, by, note, at)


def clear(
    connection: Connection, scope: Scope, alert_id: int, by: str, evidence: str, at: dt.datetime
) -> AlertRow | None:
    """A person gives the evidence that the condition has ended; as :func:`acknowledge`."""
    return _act(connection, scope, alert_id, Input.CLEAR, by, evidence, at)


def _act(
    connection: Connection, scope: Scope, alert_id: int, what: Input, by: str, note: str, at: dt.datetime
) -> AlertRow | None:
    if read_alert(connection, scope, alert_id) is None:
        return None
    alert = connection.execute(select(t.alerts).where(t.alerts.c.id == alert_id)).one()
    phase = _phase(alert)
    after, change = TRANSITIONS[phase, what]
    connection.execute(
        insert(t.alert_events).values(
            gateway=alert.gateway,
            fingerprint=alert.fingerprint,
            change=change.value,
            at=at,
            who=by,
            note=note,
            received_at=at,
        )
    )
    if after is not phase:
        _set(connection, alert_id, _by_a_person(change, by, note, at))
    return read_alert(connection, scope, alert_id)


def _by_a_person(change: Change, by: str, note: str, at: dt.datetime) -> Values:
    return {
        Change.ACKNOWLEDGED: {"acknowledged_at": at, "acknowledged_by": by},
        Change.WITHDRAWN: {"acknowledged_at": None, "acknowledged_by": None},
        Change.CLEARED: {"cleared_at": at, "cleared_evidence": note},
    }[change]


def _find(connection: Connection, gateway: str, fingerprint: str) -> AnyRow | None:
    query = select(t.alerts).where(t.alerts.c.gateway == gateway, t.alerts.c.fingerprint == fingerprint)
    return connection.execute(query).one_or_none()


def _phase(alert: AnyRow) -> Phase:
    return phase_of(cleared=alert.cleared_at is not None, acknowledged=alert.acknowledged_at is not None)


def _later_clear(connection: Connection, finding: Finding) -> AnyRow | None:
    """The end of a condition whose beginning arrives only now."""
    if finding.place is None or isinstance(finding, Clear):
        return None
    e = t.alert_events.c
    query = (
        select(t.alert_events)
        .where(
            e.gateway == finding.gateway,
            e.fingerprint == finding.fingerprint,
            e.change == Change.CLEARED.value,
            e.lane == finding.place.lane.value,
            tuple_(e.epoch_number, e.seq) > (finding.place.epoch_number, finding.place.seq),
        )
        .order_by(e.epoch_number.desc(), e.seq.desc())
        .limit(1)
    )
    return connection.execute(query).first()


def _input(finding: Finding, alert: AnyRow | None, later: AnyRow | None) -> Input:
    late = later is not None or _stands_before(finding.place, alert)
    if isinstance(finding, Clear):
        return Input.CLEAR_LATE if late else Input.CLEAR
    if late:
        return Input.RAISE_LATE
    if alert is not None and worse(finding.severity, Severity(alert.severity)):
        return Input.RAISE_WORSE
    return Input.RAISE


def _stands_before(place: Place | None, alert: AnyRow | None) -> bool:
    if place is None or alert is None or alert.order_lane != place.lane.value:
        return False
    return (place.epoch_number, place.seq) < (alert.order_epoch, alert.order_seq)


def _record(connection: Connection, finding: Finding, change: Change, received_at: dt.datetime) -> bool:
    """Keep the change; ``False`` when this row was applied before."""
    raised = isinstance(finding, Raise)
    place = finding.place
    values: Values = {
        "gateway": finding.gateway,
        "fingerprint": finding.fingerprint,
        "change": change.value,
        "at": finding.at,
        "who": finding.who,
        "note": finding.note if raised else finding.evidence,
        "severity": finding.severity.value if raised else None,
        "received_at": received_at,
        "lane": place and place.lane.value,
        "epoch": place and place.epoch,
        "epoch_number": place and place.epoch_number,
        "seq": place and place.seq,
    }
    statement = insert_new(connection.dialect.name, t.alert_events, _EVENT_KEYS)
    return connection.execute(statement, values).rowcount != 0


def _order(place: Place | None) -> Values:
    if place is None:
        return {}
    return {"order_lane": place.lane.value, "order_epoch": place.epoch_number, "order_seq": place.seq}


def _made(connection: Connection, finding: Raise, after: Phase, later: AnyRow | None) -> int:
    over: Values = _order(finding.place)
    if after is Phase.CLEARED and later is not None:
        over = {
            "cleared_at": later.at,
            "cleared_evidence": later.note,
            "order_lane": later.lane,
            "order_epoch": later.epoch_number,
            "order_seq": later.seq,
        }
    made = connection.execute(
        insert(t.alerts).values(
            gateway=finding.gateway,
            fingerprint=finding.fingerprint,
            alert=finding.alert.value,
            severity=finding.severity.value,
            portal=finding.portal,
            device=finding.device,
            decision=finding.decision,
            detail=finding.detail,
            raised_at=finding.at,
            last_at=finding.at,
            times=1,
            **over,
        )
    )
    key = made.inserted_primary_key
    assert key is not None, "an insert of one row has a key"
    return int(key[0])


def _raised(connection: Connection, finding: Raise, alert: AnyRow, after: Phase, change: Change) -> int:
    values: Values = {"times": alert.times + 1}
    if change is not Change.SUPERSEDED:
        values |= {
            "last_at": finding.at,
            "decision": finding.decision,
            "detail": finding.detail,
            **_order(finding.place),
        }
    if change in (Change.WORSENED, Change.REOPENED):
        values["severity"] = finding.severity.value
        values |= {"acknowledged_at": None, "acknowledged_by": None}
    if change is Change.REOPENED:
        values |= {"raised_at": finding.at, "cleared_at": None, "cleared_evidence": None}
    assert after is not Phase.NEW, "what was raised is known"
    return _set(connection, alert.id, values)


def _cleared(connection: Connection, finding: Clear, alert: AnyRow, change: Change) -> int:
    if change is Change.SUPERSEDED:
        return int(alert.id)
    values: Values = _order(finding.place)
    if alert.cleared_at is None:
        values |= {"cleared_at": finding.at, "cleared_evidence": finding.evidence}
    return _set(connection, alert.id, values)


def _set(connection: Connection, alert_id: int, values: Values) -> int:
    if values:
        connection.execute(update(t.alerts).where(t.alerts.c.id == alert_id).values(**values))
    return alert_id
