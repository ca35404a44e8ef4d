"""The wall: every site at a glance, and quick however many there are."""

import datetime as dt

import msgspec

from cardea.contract.records import AlertKind, DeviceState, Outcome, Severity, Side
from cardea.contract.time import wire_time
from cardea.contract.zones import ZoneState
from cloud.ledger.scope import Role
from cloud.series.store import Latest
from cloud.thermometers import LIVE_S
from tests.unit.web.conftest import CLOCK


def reading(gateway, series, value, age_s=0.0):
    at = CLOCK.now().utc - dt.timedelta(seconds=age_s)
    return Latest(gateway=gateway, series=series, at=at, value=value)


async def test_a_site_at_a_glance(town, make):
    await town.send(
        "tower-1",
        make.decision(),
        make.decision(),
        make.decision(outcome=Outcome.DENY),
        make.decision(side=Side.EGRESS),
        make.device(),
        make.device(device="gate-2", state=DeviceState.OFFLINE),
        make.alert(fingerprint="f1", severity=Severity.MINOR, alert=AlertKind.DOOR_HELD),
        make.alert(fingerprint="f2", severity=Severity.CRITICAL, alert=AlertKind.FIRE),
        make.zone(state=ZoneState.EMIT),
    )
    town.readings.newest = [
        reading("tower-1", "gate-1/surface_temp_c", 34.0),
        reading("tower-1", "gate-2/surface_temp_c", 36.5),
        reading("tower-1", "gate-3/surface_temp_c", 39.9, LIVE_S + 5),
        reading("tower-1", "gate-1/fps", 99.0),
        reading("other-1", "gate-1/surface_temp_c", 38.0),
    ]
    client = await town.logged_in()
    wall = (await client.get("/api/v1/wall")).json()
    (site,) = wall["sites"]
    assert (site["name"], site["entries"], site["devices"], site["devices_online"]) == ("Tower", 2, 2, 1)
    assert site["worst"] == {"alert": "fire", "severity": "critical", "count": 1}
    assert site["alerts_open"] >= 2
    assert (site["gateways"], site["gateways_silent"]) == (1, 0)
    assert site["heard_at"] is not None
    assert [(z["title"], z["state"]) for z in site["zones"]] == [("Washroom", "emit")]
    assert [(w["device"], w["surface_temp_c"]) for w in wall["warmest"]] == [("gate-2", 36.5)], (
        "not an old one"
    )
    midnight = dt.datetime.fromisoformat(wall["since"]).astimezone(town.house.zone)
    assert midnight.timetz().replace(tzinfo=None) == dt.time(0)
    await client.aclose()


async def test_a_district_sees_the_towers_of_its_district_and_a_site_that_never_spoke_is_empty(town):
    await town.add("district", "jinshui", Role.DISTRICT)
    district = await town.logged_in("district", "a password for tests")
    (site,) = (await district.get("/api/v1/wall")).json()["sites"]
    assert (site["site"], site["worst"], site["heard_at"], site["zones"]) == ("tower", None, None, [])
    await district.aclose()


async def test_entries_are_counted_on_and_begin_anew_with_the_day(town, make):
    house = town.house
    today, yesterday = (
        house.clock.now().utc - dt.timedelta(hours=1),
        house.clock.now().utc - dt.timedelta(days=1),
    )

    async def counted(since):
        return await house.entries.counts(house.ledger, since)

    assert await counted(today) == {}
    await town.send("tower-1", make.decision(), make.decision(outcome=Outcome.DENY))
    assert await counted(today) == {"tower-1": 1}
    assert await counted(today) == {"tower-1": 1}, "nothing is counted twice"
    earlier = wire_time(CLOCK.now())
    earlier = msgspec.structs.replace(earlier, utc=earlier.utc - dt.timedelta(hours=5))
    await town.send("tower-1", make.decision(), make.decision(at=earlier), make.decision(side=Side.EGRESS))
    assert await counted(today) == {"tower-1": 2}, "an entry of before is none of today"
    assert await counted(yesterday) == {"tower-1": 3}
