"""The first rules: what each finds, and what none of them finds twice."""

import datetime as dt

import pytest

from cardea.contract.batches import Lane
from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, DeviceState, Outcome, Severity
from cloud.ingest.rows import Row
from cloud.rules.findings import Clear, Place, Raise, fingerprint
from cloud.rules.from_rows import findings
from cloud.rules.gateways import clone, clone_approved, gateway_silent

T0 = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)


def _row(body, lane=Lane.RECORD, seq=7):
    return Row("g1", lane, "e1", 1, seq, body)


def _found(body, lane=Lane.RECORD):
    (finding,) = findings(_row(body, lane))
    return finding


def test_fingerprints_are_the_same_for_ever():
    assert fingerprint(AlertKind.ELEVATED, "g1", "lobby-a", "aa") == "elevated/g1/lobby-a/aa"
    assert fingerprint(AlertKind.GATEWAY_SILENT, "g1") == "gateway_silent/g1/-/-"


def test_elevated_is_one_issue_per_person_and_portal(make):
    reasons = (Reason.SCREENING_ELEVATED,)
    first = _found(make.decision("d1", outcome=Outcome.REFER, reasons=reasons, surface_temp_c=38.456))
    second = _found(make.decision("d2", 60, outcome=Outcome.REFER, reasons=reasons, surface_temp_c=None))
    assert isinstance(first, Raise)
    assert isinstance(second, Raise)
    assert first.fingerprint == second.fingerprint
    assert (first.alert, first.severity, first.decision) == (AlertKind.ELEVATED, Severity.MAJOR, "d1")
    assert first.detail == {"outcome": "refer", "surface_temp_c": "38.46"}
    assert second.detail == {"outcome": "refer"}
    assert first.place == Place(Lane.RECORD, "e1", 1, 7)
    stranger = _found(make.decision("d3", reasons=reasons, subject=None))
    assert stranger.fingerprint == "elevated/g1/lobby-a/d3"


@pytest.mark.parametrize(
    "reason",
    [Reason.CREDENTIAL_REVOKED, Reason.CREDENTIAL_REPLAYED, Reason.CREDENTIAL_FORGED, Reason.STATUS_RED],
)
def test_what_the_edge_raises_is_not_raised_again_from_the_decision(make, reason):
    assert findings(_row(make.decision("d1", outcome=Outcome.DENY, reasons=(reason,)))) == ()
    alert = make.alert("a1", f"{reason}/g1/lobby-a/aa", alert=AlertKind(reason.value))
    raised = _found(alert, Lane.ALERT)
    assert (raised.fingerprint, raised.who) == (alert.fingerprint, "gateway:g1")


def test_a_device_is_offline_until_online(make):
    offline = _found(make.device("v1", DeviceState.OFFLINE))
    online = _found(make.device("v2", DeviceState.ONLINE))
    assert isinstance(offline, Raise)
    assert isinstance(online, Clear)
    assert offline.fingerprint == online.fingerprint == "device_offline/g1/gate-1/-"
    assert findings(_row(make.device("v3", DeviceState.REFUSED))) == ()


def test_the_edges_own_clearing_is_passed_on(make):
    cleared = _found(make.clear("c1"), Lane.ALERT)
    assert isinstance(cleared, Clear)
    assert (cleared.fingerprint, cleared.evidence) == ("tamper/g1/gate-1/-", "closed again")


def test_ordinary_rows_find_nothing(make):
    for body in (make.decision("d1"), make.passage("p1")):
        assert findings(_row(body)) == ()


def test_a_gateway_is_silent_from_the_limit_on():
    assert isinstance(gateway_silent("g1", T0, 34.9, 35.0), Clear)
    silent = gateway_silent("g1", T0, 35.0, 35.0)
    assert isinstance(silent, Raise)
    assert (silent.severity, silent.detail) == (Severity.CRITICAL, {"silent_s": "35"})
    gone = gateway_silent("g1", T0, float("inf"), 35.0)
    assert isinstance(gone, Raise)
    assert gone.detail == {}


def test_a_clone_is_one_issue_per_outbox_and_ends_with_the_approval():
    raised, cleared = clone("g1", "e2", T0), clone_approved("g1", "e2", T0, "ann", "new disk")
    assert raised.fingerprint == cleared.fingerprint == "clone/g1/e2/-"
    assert raised.fingerprint != clone("g1", "e3", T0).fingerprint
