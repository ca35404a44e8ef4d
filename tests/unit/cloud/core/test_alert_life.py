"""The life of an alert: the table, and the ledger that follows it."""

import datetime as dt
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert

from cardea.contract.batches import Lane
from cardea.contract.records import AlertKind, Severity
from cloud.ledger import Ledger, alerts, reads
from cloud.ledger import tables as t
from cloud.ledger.alert_life import TRANSITIONS, Change, Input, Phase, phase_of, worse
from cloud.ledger.scope import Role, Scope
from cloud.ledger.views import AlertQuery, AlertView
from cloud.rules.findings import Clear, Place, Raise

MANAGER = Scope("harbour", Role.MANAGER)
OTHER = Scope("hill", Role.MANAGER)
T0 = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
_ACKED = {Phase.OPEN_ACKNOWLEDGED, Phase.CLEARED_ACKNOWLEDGED}
_OVER = {Phase.CLEARED, Phase.CLEARED_ACKNOWLEDGED}


def test_every_input_has_an_answer_in_every_phase_where_it_can_come():
    never = {(Phase.NEW, what) for what in (Input.RAISE_WORSE, Input.ACKNOWLEDGE, Input.WITHDRAW, Input.NOTE)}
    assert set(TRANSITIONS) == set(itertools.product(Phase, Input)) - never


@pytest.mark.parametrize(("step", "result"), TRANSITIONS.items())
def test_acknowledged_and_cleared_are_independent(step, result):
    (before, what), (after, _) = step, result
    if what in (Input.CLEAR, Input.CLEAR_LATE):
        assert (before in _ACKED) == (after in _ACKED)
    if what in (Input.ACKNOWLEDGE, Input.WITHDRAW, Input.NOTE):
        assert (before in _OVER) == (after in _OVER)
    if what in (Input.RAISE_LATE, Input.CLEAR_LATE, Input.NOTE) and before is not Phase.NEW:
        assert before is after


def test_recurrence_reopens_and_worsening_takes_the_acknowledgement_back():
    assert TRANSITIONS[Phase.CLEARED_ACKNOWLEDGED, Input.RAISE] == (Phase.OPEN, Change.REOPENED)
    assert TRANSITIONS[Phase.OPEN_ACKNOWLEDGED, Input.RAISE] == (Phase.OPEN_ACKNOWLEDGED, Change.REPEATED)
    assert TRANSITIONS[Phase.OPEN_ACKNOWLEDGED, Input.RAISE_WORSE] == (Phase.OPEN, Change.WORSENED)
    assert worse(Severity.CRITICAL, Severity.MAJOR)
    assert not worse(Severity.MINOR, Severity.MINOR)
    assert phase_of(cleared=True, acknowledged=False) is Phase.CLEARED


# --- In the ledger --------------------------------------------------------------------------------


@pytest.fixture
async def declared(ledger, settings):
    await ledger.declare(settings)
    return ledger


def _raise(seq=None, severity=Severity.MAJOR, at=0, epoch_number=1):
    return Raise(
        gateway="g1",
        fingerprint="tamper/g1/gate-1/-",
        alert=AlertKind.TAMPER,
        severity=severity,
        at=T0 + dt.timedelta(seconds=at),
        who="gateway:g1",
        place=None if seq is None else Place(Lane.ALERT, f"e{epoch_number}", epoch_number, seq),
        portal="lobby-a",
        device="gate-1",
        detail={"n": str(at)},
    )


def _clear(seq=None, at=0, epoch_number=1):
    return Clear(
        gateway="g1",
        fingerprint="tamper/g1/gate-1/-",
        at=T0 + dt.timedelta(seconds=at),
        who="gateway:g1",
        evidence="closed again",
        place=None if seq is None else Place(Lane.ALERT, f"e{epoch_number}", epoch_number, seq),
    )


async def _apply(ledger: Ledger, *findings):
    for finding in findings:
        await ledger.write(alerts.apply, finding, T0)


async def _only(ledger):
    page = await ledger.read(reads.alerts, MANAGER, AlertQuery(view=AlertView.ALL))
    (row,) = page.items
    return row


async def _history(ledger):
    row = await _only(ledger)
    return [event.change for event in await ledger.read(reads.alert_events, MANAGER, row.id)]


async def test_raised_repeated_worsened_cleared_reopened(declared):
    await _apply(declared, _raise(1, at=1), _raise(2, at=2), _raise(3, Severity.CRITICAL, at=3))
    row = await _only(declared)
    assert (row.count, row.severity, row.detail) == (3, Severity.CRITICAL, {"n": "3"})
    assert (row.raised_at, row.last_at) == (T0 + dt.timedelta(seconds=1), T0 + dt.timedelta(seconds=3))
    await _apply(declared, _clear(4, at=4))
    row = await _only(declared)
    assert (row.cleared_at, row.cleared_evidence) == (T0 + dt.timedelta(seconds=4), "closed again")
    await _apply(declared, _raise(5, Severity.MINOR, at=5))
    row = await _only(declared)
    assert (row.cleared_at, row.severity, row.count) == (None, Severity.MINOR, 4)
    assert row.raised_at == T0 + dt.timedelta(seconds=5)
    assert await _history(declared) == ["raised", "repeated", "worsened", "cleared", "reopened"]


async def test_the_same_row_acts_once(declared):
    for _ in range(3):
        await _apply(declared, _raise(1))
    assert (await _only(declared)).count == 1
    assert await _history(declared) == ["raised"]


async def test_people_acknowledge_note_withdraw_and_clear(declared):
    await _apply(declared, _raise(1))
    alert_id = (await _only(declared)).id
    for act, note in (
        (alerts.acknowledge, "on my way"),
        (alerts.acknowledge, "still on my way"),
        (alerts.add_note, "a screw was loose"),
        (alerts.withdraw, "called away"),
        (alerts.acknowledge, "back"),
        (alerts.clear, "screw tightened"),
    ):
        row = await declared.write(act, MANAGER, alert_id, "ann", note, T0)
        assert row is not None
    assert (row.acknowledged_by, row.cleared_evidence) == ("ann", "screw tightened")
    events = await declared.read(reads.alert_events, MANAGER, alert_id)
    assert [(e.change, e.who, e.note) for e in events[1:]] == [
        ("acknowledged", "ann", "on my way"),
        ("noted", "ann", "still on my way"),
        ("noted", "ann", "a screw was loose"),
        ("withdrawn", "ann", "called away"),
        ("acknowledged", "ann", "back"),
        ("cleared", "ann", "screw tightened"),
    ]
    page = await declared.read(reads.alerts, MANAGER, AlertQuery(view=AlertView.ATTENTION))
    assert page.items == ()
    await _apply(declared, _raise(2))
    row = await _only(declared)
    assert (row.acknowledged_by, row.cleared_at) == (None, None)


async def test_worsening_reopens_what_was_acknowledged(declared):
    await _apply(declared, _raise(1))
    alert_id = (await _only(declared)).id
    await declared.write(alerts.acknowledge, MANAGER, alert_id, "ann", "seen", T0)
    await _apply(declared, _raise(2))
    assert (await _only(declared)).acknowledged_by == "ann"
    await _apply(declared, _raise(3, Severity.CRITICAL))
    assert (await _only(declared)).acknowledged_by is None


async def test_nobody_acts_on_anothers_alert(declared):
    await _apply(declared, _raise(1))
    alert_id = (await _only(declared)).id
    assert await declared.write(alerts.acknowledge, OTHER, alert_id, "eve", "?", T0) is None
    assert await declared.read(reads.alert, OTHER, alert_id) is None
    assert await declared.read(reads.alert_events, OTHER, alert_id) == ()
    assert await _history(declared) == ["raised"]


async def test_an_end_that_arrives_before_its_beginning(declared):
    await _apply(declared, _clear(9, at=9), _raise(4, at=4))
    row = await _only(declared)
    assert row.cleared_at == T0 + dt.timedelta(seconds=9)
    await _apply(declared, _raise(6, at=6))
    assert (await _only(declared)).cleared_at is not None
    await _apply(declared, _raise(10, at=10))
    assert (await _only(declared)).cleared_at is None
    await _apply(declared, _clear(7, at=7))
    assert (await _only(declared)).cleared_at is None
    assert await _history(declared) == ["cleared", "raised", "superseded", "reopened", "superseded"]


async def test_a_new_epoch_is_later_than_every_row_of_the_one_before(declared):
    await _apply(declared, _raise(500, epoch_number=1), _clear(1, epoch_number=2))
    assert (await _only(declared)).cleared_at is not None


async def test_findings_without_a_row_act_in_the_order_in_which_they_come(declared):
    await _apply(declared, _clear(), _raise(), _clear())
    assert (await _only(declared)).cleared_at is not None
    await _apply(declared, _clear(), _raise(3))
    assert (await _only(declared)).cleared_at is None


@settings(max_examples=25)
@given(st.permutations(range(1, 7)), st.lists(st.booleans(), min_size=6, max_size=6))
def test_the_order_of_arrival_does_not_change_where_an_alert_ends_up(order, raises):
    """Whatever the order, the newest row of the lane says whether the condition stands."""
    engine = create_engine("sqlite://")
    t.METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(t.organisations).values(id="o", name="o", kind="property"))
        connection.execute(insert(t.sites).values(id="s", name="s", kind="workplace", organisation="o"))
        connection.execute(insert(t.gateways).values(id="g1", name="g1", site="s"))
        for seq in order:
            finding = _raise(seq, at=seq) if raises[seq - 1] else _clear(seq, at=seq)
            alerts.apply(connection, finding, T0)
        row = connection.execute(t.alerts.select()).one_or_none()
    engine.dispose()
    if row is None:
        assert not any(raises)
    else:
        assert (row.cleared_at is None) == raises[-1]
        assert row.times == sum(raises)
