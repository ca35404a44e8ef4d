"""The seeded world: the same every time, alive from the first seconds, and with something to find."""

import csv
import datetime as dt
import io
import itertools
from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.records import AlertKind, CredentialKind, Side
from drivers.sim import zone_world
from drivers.sim.people import COLUMNS, populate
from drivers.sim.script import (
    CAUSES,
    LASTS_S,
    NOT_SHOWN,
    SCENES,
    STANDING,
    Fitting,
    Mishap,
    Reader,
    Scenario,
)
from drivers.sim.wallet import Wallet
from drivers.sim.world import AGAIN_S, BUSY_S, Happening, Trouble, Visit, Way, World
from edge import people as imports
from models.passes import InvalidPass, PassStanding, VerifiedPass, keyring, verify

SHANGHAI = ZoneInfo("Asia/Shanghai")
MORNING = dt.datetime(2026, 11, 23, 8, 30, tzinfo=SHANGHAI)
WAYS = (
    Way("lobby-a", "gate-1", Reader.TERMINAL, exit=True),
    Way("lobby-b", "gate-2", Reader.TERMINAL),
    Way("lobby-c", "gate-3", Reader.TERMINAL),
    Way("service", "qr-1", Reader.QR, exit=True),
    Way("garage", "qr-2", Reader.QR),
)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
GARBAGE_S = next(scene.busy_s for scene in SCENES if scene.what is Mishap.GARBAGE)
KEYS = keyring([KEY.public_key()])


def first(seconds: float, seed: int = 7, start: dt.datetime = MORNING) -> list[Happening]:
    return list(itertools.takewhile(lambda one: one.at_s < seconds, World(seed, WAYS).happenings(start)))


def visits(happenings: list[Happening]) -> list[Visit]:
    return [one for one in happenings if isinstance(one, Visit)]


def second_try(one: Happening, happenings: list[Happening]) -> bool:
    """Whether somebody tries again who was told to."""
    return isinstance(one, Visit) and any(
        before.way == one.way
        and before.resident == one.resident
        and abs(one.at_s - before.at_s - AGAIN_S) < 1e-6
        for before in visits(happenings)
        if before.scenario in {Scenario.RETEST, Scenario.MASK_MISSING}
    )


def test_the_same_seed_is_the_same_world_and_another_is_another() -> None:
    assert first(600) == first(600)
    assert first(600) != first(600, seed=8)
    assert populate(7, 50) == populate(7, 50) != populate(8, 50)


@given(st.integers(0, 10_000), st.integers(0, 23))
def test_time_goes_forward_and_a_portal_serves_one_person_at_a_time(seed: int, hour: int) -> None:
    happenings = first(300, seed, MORNING.replace(hour=hour))
    times = [one.at_s for one in happenings]
    assert times == sorted(times)
    for way in WAYS:
        here = [one for one in happenings if one.way == way and not second_try(one, happenings)]
        for earlier, later in itertools.pairwise(here):
            taken_s = GARBAGE_S if isinstance(earlier, Trouble) else BUSY_S
            assert later.at_s - earlier.at_s >= taken_s


@pytest.mark.parametrize("hour", range(24))
def test_somebody_comes_every_few_seconds_at_any_hour(hour: int) -> None:
    happenings = first(300, start=MORNING.replace(hour=hour))
    assert happenings[0].at_s <= 2
    mean_s = 300 / len(visits(happenings))
    assert 1.3 <= mean_s <= 4


def test_mornings_are_busier_than_nights_and_bring_people_in() -> None:
    morning, night = visits(first(1200)), visits(first(1200, start=MORNING.replace(hour=3)))
    assert len(morning) > 1.15 * len(night)
    evening = visits(first(1200, start=MORNING.replace(hour=18)))
    out = [Counter(one.side for one in some)[Side.EGRESS] / len(some) for some in (morning, evening)]
    assert 0 < out[0] < out[1]


def test_every_sort_of_finding_is_there_within_seventy_five_seconds_and_comes_again() -> None:
    early = first(75)
    seen = {one.scenario if isinstance(one, Visit) else one.mishap for one in early}
    assert seen >= {*Scenario} - {Scenario.DOOR_HELD}
    assert seen >= {Mishap.GARBAGE, Mishap.OFFLINE, Mishap.DOOR_FORCED}
    counted = Counter(one.scenario if isinstance(one, Visit) else one.mishap for one in first(3600))
    for scene in SCENES:
        if scene.fitting is not None:
            continue
        assert counted[scene.what] >= 3600 / scene.every_s / 1.3, scene.what


def test_alerts_have_a_cause_within_the_first_half_minute() -> None:
    early = {one.scenario for one in visits(first(35))}
    assert early >= {Scenario.ELEVATED, Scenario.REPLAYED, Scenario.REVOKED}


def test_temperatures_say_what_the_scenario_says() -> None:
    for visit in visits(first(3600)):
        terminal = visit.way.reader is Reader.TERMINAL and visit.side is Side.INGRESS
        assert (visit.surface_temp_c is not None) == (visit.masked is not None) == terminal
        if visit.surface_temp_c is None:
            continue
        low, high = {Scenario.ELEVATED: (37.8, 38.7), Scenario.RETEST: (37.0, 37.7)}.get(
            visit.scenario, (35.3, 37.1)
        )
        assert low <= visit.surface_temp_c <= high


def test_a_retest_is_the_same_person_at_the_same_portal_and_then_normal() -> None:
    seen = visits(first(600))
    for warm in [one for one in seen if one.scenario is Scenario.RETEST]:
        again = [
            one
            for one in seen
            if one.way == warm.way and one.resident == warm.resident and 0 < one.at_s - warm.at_s <= 8
        ]
        assert [one.scenario for one in again] == [Scenario.ORDINARY]


def test_who_comes_is_who_the_scenario_needs() -> None:
    people = World(7, WAYS).population
    for visit in visits(first(1800)):
        if visit.scenario is Scenario.REVOKED:
            assert visit.resident == people.revoked
        elif visit.scenario is Scenario.EXPIRED:
            assert visit.resident == people.expired
        elif visit.scenario is Scenario.UNKNOWN:
            assert visit.resident is None
        else:
            assert visit.resident in people.welcome
        if visit.kind is CredentialKind.CARD and visit.resident:
            assert visit.value == visit.resident.card
        if visit.kind is CredentialKind.FACE and visit.resident:
            assert visit.value == visit.resident.employee_no


def test_nobody_goes_through_where_nobody_should() -> None:
    for visit in visits(first(1800)):
        assert visit.passes == {
            Scenario.TAILGATE: 2,
            Scenario.ORDINARY: 1,
            Scenario.GUEST: 1,
            Scenario.RETEST: 1,
            Scenario.MASK_MISSING: 1,
            Scenario.DOOR_HELD: 1,
        }.get(visit.scenario, 0)
        assert (visit.open_s > 30) == (visit.scenario is Scenario.DOOR_HELD)


@pytest.mark.parametrize("ways", [WAYS[1:2], WAYS[4:], WAYS[:1], WAYS[3:4]])
def test_a_world_of_one_portal_never_runs_dry(ways: tuple[Way, ...]) -> None:
    happenings = itertools.islice(World(7, ways, people=12).happenings(MORNING), 2000)
    assert {one.way for one in happenings} == set(ways)


def test_a_trouble_names_its_device_and_ends() -> None:
    troubles = [one for one in first(600) if isinstance(one, Trouble)]
    assert all(one.lasts_s == LASTS_S.get(one.mishap, 0.0) for one in troubles)
    assert all(one.way.reader is Reader.TERMINAL for one in troubles if one.mishap is Mishap.OFFLINE)


@pytest.mark.parametrize("count", [11, 50_001])
def test_the_number_of_people_is_bounded(count: int) -> None:
    with pytest.raises(ValueError, match="give 12 to 50000"):
        World(1, WAYS, count)


def test_a_world_needs_a_portal() -> None:
    with pytest.raises(ValueError, match="needs a portal"):
        World(1, ())


# --- people as a file ---


@given(st.integers(0, 1000))
def test_the_people_file_is_one_that_the_gateway_takes_in(seed: int) -> None:
    text = World(seed, WAYS, people=40).people_csv()
    taken = imports.read_people(text.encode(), file="people.csv", zone=SHANGHAI)
    assert len(taken) == 40
    assert [person.status.value for _, person in taken].count("revoked") == 1
    assert sum(person.valid_until is not None for _, person in taken) == 1
    assert COLUMNS == imports.COLUMNS


def test_people_have_names_of_several_scripts_and_their_own_numbers() -> None:
    rows = list(csv.DictReader(io.StringIO(World(7, WAYS).people_csv())))
    assert len({row["card"] for row in rows}) == len({row["employee_no"] for row in rows}) == 200
    chinese = sum(not row["name"].isascii() and " " not in row["name"] for row in rows)
    assert 100 < chinese < 180
    assert "p-0001" in repr(World(7, WAYS).population.welcome[0])
    assert rows[0]["name"] not in repr(World(7, WAYS).population.welcome[0])


# --- passes ---


def checked(wallet: Wallet, visit: Visit, now: dt.datetime) -> PassStanding | None:
    found = verify(wallet.text(visit, now), KEYS, now)
    return found.standing if isinstance(found, InvalidPass) else None


def test_passes_are_what_the_scenario_says() -> None:
    wallet = Wallet(KEY, 7, MORNING)
    expected = {Scenario.FORGED: PassStanding.FORGED, Scenario.LAPSED: PassStanding.EXPIRED}
    qr = [one for one in visits(first(900)) if one.way.reader is Reader.QR]
    assert {one.scenario for one in qr} >= {*expected, Scenario.GUEST, Scenario.REPLAYED, Scenario.ORDINARY}
    for visit in qr:
        now = MORNING + dt.timedelta(seconds=visit.at_s)
        assert checked(wallet, visit, now) == expected.get(visit.scenario)


def test_a_replay_is_the_text_of_a_pass_for_one_use_that_was_shown() -> None:
    wallet = Wallet(KEY, 7, MORNING)
    seen = [one for one in visits(first(120)) if one.way.reader is Reader.QR]
    guest = next(one for one in seen if one.scenario is Scenario.GUEST)
    replay = next(one for one in seen if one.scenario is Scenario.REPLAYED)
    assert guest.at_s < replay.at_s
    assert wallet.text(guest, MORNING) == wallet.text(replay, MORNING)
    found = verify(wallet.text(replay, MORNING), KEYS, MORNING)
    assert isinstance(found, VerifiedPass)
    assert found.use_step == 0


def test_a_new_run_issues_new_passes() -> None:
    guest = next(one for one in visits(first(60)) if one.scenario is Scenario.GUEST)
    texts = [Wallet(KEY, 7, MORNING + dt.timedelta(hours=n)).text(guest, MORNING) for n in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def test_a_staff_pass_is_kept_and_renewed_before_it_ends() -> None:
    wallet = Wallet(KEY, 7, MORNING)
    visit = next(
        one for one in visits(first(60)) if one.way.reader is Reader.QR and one.scenario is Scenario.ORDINARY
    )
    text = wallet.text(visit, MORNING)
    assert wallet.text(visit, MORNING + dt.timedelta(hours=5)) == text
    later = MORNING + dt.timedelta(hours=7)
    assert wallet.text(visit, later) != text
    assert checked(wallet, visit, later) is None


def test_a_replay_with_nothing_to_replay_and_a_stranger_still_show_something() -> None:
    guest = next(one for one in visits(first(60)) if one.scenario is Scenario.REPLAYED)
    assert checked(Wallet(KEY, 7, MORNING), guest, MORNING) is None
    stranger = Visit(number=1, at_s=0.0, way=WAYS[3], scenario=Scenario.UNKNOWN)
    assert checked(Wallet(KEY, 7, MORNING), stranger, MORNING) is None


# --- the demo's ten minutes ---------------------------------------------------------------------

FITTED = (
    *WAYS[:3],
    Way("service", "qr-1", Reader.QR, exit=True, fittings=frozenset({Fitting.CAMERA})),
    Way("garage", "qr-2", Reader.QR, True, frozenset({Fitting.SPOT, Fitting.FIRE, Fitting.TAMPER})),
)
TEN_MINUTES_S = 600.0


def ten_minutes(seed: int = 7, start: dt.datetime = MORNING) -> list[Happening]:
    happenings = World(seed, FITTED).happenings(start)
    return list(itertools.takewhile(lambda one: one.at_s < TEN_MINUTES_S, happenings))


def test_every_alert_has_its_cause_or_a_reason_why_not() -> None:
    told = [CAUSES.keys(), zone_world.CAUSES.keys(), STANDING.keys(), NOT_SHOWN.keys()]
    assert Counter(kind for some in told for kind in some) == Counter(AlertKind)


@pytest.mark.parametrize("hour", [3, 8, 18])
@pytest.mark.parametrize("seed", [7, 8])
def test_within_ten_minutes_every_cause_has_been_there_and_what_lasts_has_ended(seed: int, hour: int) -> None:
    happenings = ten_minutes(seed, MORNING.replace(hour=hour))
    seen = {one.scenario if isinstance(one, Visit) else one.mishap for one in happenings}
    assert seen >= set(CAUSES.values())
    troubles = [one for one in happenings if isinstance(one, Trouble)]
    for mishap in LASTS_S:
        assert min(one.at_s + one.lasts_s for one in troubles if one.mishap is mishap) < TEN_MINUTES_S
    deeds = {
        step.deed for step in itertools.takewhile(lambda s: s.at_s < TEN_MINUTES_S, zone_world.planned(seed))
    }
    assert deeds >= set(zone_world.CAUSES.values())


def test_grave_mishaps_are_spread_out() -> None:
    common = {Mishap.OFFLINE, Mishap.GARBAGE}
    grave = [
        one.at_s
        for one in ten_minutes()
        if isinstance(one, Trouble) and one.mishap in LASTS_S and one.mishap not in common
    ]
    assert all(later - earlier > 15 for earlier, later in itertools.pairwise(grave))


def test_mishaps_happen_only_where_they_can() -> None:
    needs = {scene.what: scene.fitting for scene in SCENES if isinstance(scene.what, Mishap)}
    for trouble in (one for one in ten_minutes() if isinstance(one, Trouble)):
        needed = needs[trouble.mishap]
        assert needed is None or needed in trouble.way.fittings


def test_who_comes_by_a_thermometer_has_a_temperature_and_a_mask_only_before_a_terminal() -> None:
    measured = [one for one in visits(ten_minutes()) if one.way.portal in {"service", "garage"}]
    assert any(one.scenario is Scenario.ELEVATED for one in measured)
    for visit in measured:
        assert (visit.surface_temp_c is not None) == (visit.side is Side.INGRESS)
        assert visit.masked is None


@given(st.integers(0, 10_000))
def test_the_key_is_on_only_while_the_room_is_left_alone_long_enough(seed: int) -> None:
    steps = list(itertools.islice(zone_world.planned(seed), 4 * len(zone_world.PLAN)))
    times = [step.at_s for step in steps]
    assert times == sorted(times)
    armed_s: float | None = None
    for step in steps:
        match step.deed:
            case zone_world.Deed.ARM:
                assert armed_s is None
                armed_s = step.at_s
            case zone_world.Deed.DISARM:
                assert armed_s is not None
                assert step.at_s - armed_s > 95, "a cycle of warning, emission and release fits"
                armed_s = None
            case zone_world.Deed.VISIT | zone_world.Deed.NEW_LAMP:
                assert armed_s is None
            case zone_world.Deed.INTRUDE:
                assert armed_s is not None
