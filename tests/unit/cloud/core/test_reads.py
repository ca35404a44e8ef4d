"""What API and console read: filters, pages, counts, and nothing of anybody else's."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.batches import Lane
from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, DeviceState, Outcome, Severity, Side
from cloud.ingest.arrivals import read
from cloud.ingest.group import Group, Silence
from cloud.ledger import reads
from cloud.ledger.scope import Role, Scope
from cloud.ledger.views import (
    PAGE_MAX,
    AlertQuery,
    AlertView,
    CountQuery,
    Cursor,
    EntryQuery,
    PassageQuery,
)

HARBOUR = Scope("harbour", Role.MANAGER)
HILL = Scope("hill", Role.FACILITY)
DISTRICT = Scope("jinshui", Role.DISTRICT)
NOBODY = Scope("nobody", Role.MANAGER)
DENIED = {"outcome": Outcome.DENY, "reasons": (Reason.CREDENTIAL_EXPIRED, Reason.SCREENING_MISSING)}


@pytest.fixture
async def filled(ledger, settings, make, clock):
    """Ten entries in the tower (every third denied, at the garage) and one in the court, and more."""
    known, _ = await ledger.declare(settings)
    group = Group(known, Silence({}, 600.0))

    def add(gateway, lane, first, *records):
        group.add(read(make.lane_topic(gateway, lane), make.batch(lane, first, *records)))

    for n in range(10):
        given = {"portal": "garage", **DENIED} if n % 3 == 2 else {}
        add("g1", Lane.RECORD, n + 1, make.decision(f"d{n}", n * 60, **given))
    add(
        "g1", Lane.RECORD, 11, make.passage("p0", 3, decision="d0"), make.passage("p1", 500, side=Side.EGRESS)
    )
    add(
        "g1",
        Lane.RECORD,
        13,
        make.device("v1", DeviceState.ONLINE),
        make.device("v2", DeviceState.OFFLINE, "gate-2"),
    )
    add(
        "g1",
        Lane.ALERT,
        1,
        make.alert("a1", seconds=1),
        make.alert("a2", "fire/g1/-/-", Severity.CRITICAL, AlertKind.FIRE, 9),
    )
    add("g2", Lane.RECORD, 1, make.decision("e0", 30, subject=make.subject("bb" * 32)))
    add("g2", Lane.ALERT, 1, make.alert("b1"))
    await ledger.commit(group, (), clock.now().utc)
    return ledger


async def _ids(ledger, scope=HARBOUR, **query):
    return [e.id for e in (await ledger.read(reads.entries, scope, EntryQuery(**query))).items]


async def test_entries_are_newest_first_and_only_ones_own(filled):
    assert await _ids(filled) == [f"d{n}" for n in range(9, -1, -1)]
    assert await _ids(filled, HILL) == ["e0"]
    assert await _ids(filled, DISTRICT) == await _ids(filled)
    assert await _ids(filled, NOBODY) == []
    assert await filled.read(reads.entry, HILL, "g1", "d0") is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"outcome": Outcome.DENY}, ["d8", "d5", "d2"]),
        ({"reason": Reason.CREDENTIAL_EXPIRED}, ["d8", "d5", "d2"]),
        ({"reason": Reason.SCREENING_MISSING}, []),
        ({"portal": "garage", "gateway": "g1", "site": "tower"}, ["d8", "d5", "d2"]),
        ({"site": "court"}, []),
        ({"side": Side.EGRESS}, []),
        ({"subject": "bb" * 32}, []),
        ({"since": dt.timedelta(minutes=8)}, ["d9", "d8"]),
        ({"until": dt.timedelta(minutes=2)}, ["d1", "d0"]),
    ],
)
async def test_filters_narrow_the_feed(filled, make, query, expected):
    query = {k: make.at().utc + v if isinstance(v, dt.timedelta) else v for k, v in query.items()}
    assert await _ids(filled, **query) == expected


@pytest.mark.parametrize("limit", [1, 3, 4, 10])
async def test_pages_follow_one_another_without_overlap(filled, limit):
    found, before = [], None
    while True:
        page = await filled.read(reads.entries, HARBOUR, EntryQuery(limit=limit, before=before))
        found += [e.id for e in page.items]
        assert len(page.items) <= limit
        if page.next is None:
            break
        before = Cursor.parse(page.next)
    assert found == [f"d{n}" for n in range(9, -1, -1)]


async def test_entries_of_the_same_moment_are_paged_too(ledger, settings, make, clock):
    known, _ = await ledger.declare(settings)
    group = Group(known, Silence({}, 600.0))
    rows = [make.decision(f"s{n}", 5) for n in range(7)]
    group.add(read(make.lane_topic("g1", Lane.RECORD), make.batch(Lane.RECORD, 1, *rows)))
    await ledger.commit(group, (), clock.now().utc)
    first = await ledger.read(reads.entries, HARBOUR, EntryQuery(limit=4))
    second = await ledger.read(
        reads.entries, HARBOUR, EntryQuery(limit=4, before=Cursor.parse(first.next or ""))
    )
    assert {e.id for e in (*first.items, *second.items)} == {f"s{n}" for n in range(7)}
    assert (len(first.items), len(second.items)) == (4, 3)


async def test_a_page_is_bounded_whatever_is_asked(filled):
    assert len(await _ids(filled, limit=10**9)) == 10
    assert len(await _ids(filled, limit=-5)) == 1
    assert PAGE_MAX <= 1000


@given(st.integers(0, 10**17 - 1), st.integers(0, 10**18 - 1))
def test_cursors_survive_their_text(at_us, n):
    assert Cursor.parse(str(Cursor(at_us, n))) == Cursor(at_us, n)


@pytest.mark.parametrize("text", ["", "1", "a-b", "1-2-3", "-1-2", "1" * 60 + "-2", "1-²"])
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(ValueError, match="not a cursor"):
        Cursor.parse(text)


async def test_passages_with_and_without_a_decision(filled):
    page = await filled.read(reads.passages, HARBOUR, PassageQuery())
    assert [(p.id, p.decision, p.portal_name) for p in page.items] == [
        ("p1", None, "Lobby A"),
        ("p0", "d0", "Lobby A"),
    ]
    for query, expected in (
        (PassageQuery(side=Side.EGRESS), ["p1"]),
        (PassageQuery(decision="d0"), ["p0"]),
        (PassageQuery(since=page.items[0].at), ["p1"]),
        (PassageQuery(until=page.items[0].at), ["p0"]),
        (PassageQuery(before=Cursor(0, 0)), []),
        (PassageQuery(site="court"), []),
    ):
        assert [p.id for p in (await filled.read(reads.passages, HARBOUR, query)).items] == expected
    assert (await filled.read(reads.passages, HILL, PassageQuery())).items == ()


async def test_counts_by_portal_and_by_reason(filled, make):
    counts = await filled.read(reads.outcome_counts, HARBOUR, CountQuery())
    assert [(c.portal_name, c.outcome, c.count) for c in counts] == [
        ("garage", Outcome.DENY, 3),
        ("Lobby A", Outcome.GRANT, 7),
    ]
    reasons = await filled.read(reads.reason_counts, HARBOUR, CountQuery(since=make.at(300).utc))
    assert [(c.reason, c.count) for c in reasons] == [(Reason.GRANTED, 3), (Reason.CREDENTIAL_EXPIRED, 2)]
    late = CountQuery(until=make.at(0).utc, side=Side.INGRESS, site="tower")
    assert await filled.read(reads.outcome_counts, HARBOUR, late) == ()
    assert sum(c.count for c in await filled.read(reads.outcome_counts, HILL, CountQuery())) == 1


async def test_organisations_sites_gateways_and_portals(filled):
    assert [o.id for o in await filled.read(reads.organisations, HARBOUR)] == ["harbour"]
    assert [o.id for o in await filled.read(reads.organisations, DISTRICT)] == ["harbour", "jinshui"]
    (site,) = await filled.read(reads.sites, HARBOUR)
    assert (site.id, site.kind, site.gateways, site.gateways_silent, site.alerts_open) == (
        "tower",
        "workplace",
        1,
        0,
        3,
    )
    assert [s.id for s in await filled.read(reads.sites, HILL)] == ["court"]
    (gateway,) = await filled.read(reads.gateways, HARBOUR, "tower")
    assert (gateway.id, gateway.online, gateway.pending, gateway.silent) == ("g1", None, {}, False)
    assert await filled.read(reads.gateways, HARBOUR, "court") == ()
    portals = await filled.read(reads.portals, HARBOUR)
    assert [(p.portal, p.name) for p in portals] == [("garage", "garage"), ("lobby-a", "Lobby A")]


async def test_the_device_matrix(filled):
    rows = await filled.read(reads.devices, HARBOUR, "tower")
    assert [(d.device, d.state) for d in rows] == [
        ("gate-1", DeviceState.ONLINE),
        ("gate-2", DeviceState.OFFLINE),
    ]
    assert await filled.read(reads.devices, HILL) == ()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["fire", "tamper", "device_offline"]),
        ({"alert": AlertKind.FIRE}, ["fire"]),
        ({"severity": Severity.CRITICAL}, ["fire"]),
        ({"view": AlertView.OPEN, "gateway": "g1"}, ["fire", "tamper", "device_offline"]),
        ({"view": AlertView.UNACKNOWLEDGED, "site": "court"}, []),
        ({"limit": 1}, ["fire"]),
        ({"before": Cursor(0, 0)}, []),
    ],
)
async def test_alerts_newest_evidence_first(filled, query, expected):
    page = await filled.read(reads.alerts, HARBOUR, AlertQuery(**query))
    assert [a.alert.value for a in page.items] == expected
    assert all(a.site_name == "Harbour Tower" and not a.inhibited for a in page.items)


async def test_epochs_and_orders_are_only_ones_own(filled):
    (epoch,) = await filled.read(reads.epochs, HARBOUR, "g1")
    assert (epoch.epoch, epoch.number, epoch.standing) == ("e1", 1, "active")
    assert await filled.read(reads.epochs, HILL, "g1") == ()
    assert await filled.read(reads.orders, HILL, "g1") == ()
