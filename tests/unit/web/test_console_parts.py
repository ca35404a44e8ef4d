"""The console's pure parts: curves, the thermal picture, metrics, the wall's tiles, thermometers."""

import base64
import datetime as dt
import re
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, ScreeningState, Severity
from cardea.contract.scenes import Mark, MarkKind, Scene, SceneReading, Showing
from cardea.contract.screening import Correction, NotScreened, ScreeningTerms
from cardea.contract.time import ClockQuality, WireTime
from cardea.contract.zones import CycleOutcome, Hazard, Standing, ZoneState
from cardea.runtime.i18n import Language, translator
from cardea.runtime.phrases import phrase
from cloud.console import alert_detail, curves, metrics, picture, wall_tile
from cloud.console.curves import Window
from cloud.console.reader import address_of, device_address
from cloud.console.style import CYCLES, SCREENINGS, STANDINGS, UNFIT_LOOK, ZONES
from cloud.console.zones import worst_first
from cloud.ledger.alert_life import Change
from cloud.ledger.views import OpenAlert, WallSite, WallZone, ZoneRow
from cloud.series.store import Latest, Point
from cloud.thermometers import LIVE_S, thermometers, warmest

EN = translator(Language.EN)
T0 = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
DAY = Window(T0, T0 + dt.timedelta(days=1), 144)
SHANGHAI = dt.timezone(dt.timedelta(hours=8))


def point(seconds, mean=35.0, low=34.5, high=35.6):
    return Point(at=T0 + dt.timedelta(seconds=seconds), mean=mean, low=low, high=high, count=3)


def elements(text, name):
    return list(ET.fromstring(text).iter(name))


# --- Curves -------------------------------------------------------------------------------------


def test_a_curve_breaks_where_nothing_was_measured():
    pieces = curves.broken([point(0), point(600), point(7200)], DAY.stretch_s)
    assert [piece is None for piece in pieces] == [False, False, True, False]
    assert curves.broken([], DAY.stretch_s) == []


def test_a_chart_stands_on_the_houses_clock():
    options = curves.chart([point(0), point(600), point(7200)], DAY, SHANGHAI)
    low, band, mean = (series["data"] for series in options["series"])
    assert mean[0] == [(T0 + dt.timedelta(hours=8)).timestamp() * 1000, 35.0]
    assert [value for _, value in mean] == [35.0, 35.0, None, 35.0]
    assert [value for _, value in band] == [1.1, 1.1, None, 1.1]
    assert low[0][1] == 34.5
    assert mean[1][0] < mean[2][0] < mean[3][0]
    assert options["useUTC"] is True


@pytest.mark.parametrize(
    ("threshold", "bounds"), [(37.3, {"max": 38}), (30.2, {"min": 30}), (35.0, {}), (None, {})]
)
def test_a_threshold_is_drawn_and_the_axis_reaches_it(threshold, bounds):
    options = curves.chart([point(0)], DAY, dt.UTC, threshold)
    assert {name: options["yAxis"].get(name) for name in ("min", "max") if name in options["yAxis"]} == bounds
    drawn = options["series"][2]["markLine"]["data"]
    assert drawn == ([] if threshold is None else [{"yAxis": threshold}])


@given(
    st.lists(st.tuples(st.integers(0, 86399), st.floats(-40, 400), st.floats(0, 30)), max_size=30),
    st.none() | st.floats(-40, 400),
)
def test_whatever_was_measured_the_small_picture_is_whole(raw, threshold):
    points = [point(at, mean, mean - wide, mean + wide) for at, mean, wide in sorted(raw)]
    text = curves.sparkline(points, DAY, threshold)
    drawn = elements(text, "polyline")
    numbers = [float(n) for line in drawn for n in re.findall(r"-?[0-9.]+", line.get("points", ""))]
    assert all(-1 <= n <= curves.WIDTH + 1 for n in numbers)
    assert bool(drawn) == bool(points)
    assert len(elements(text, "line")) == (threshold is not None and bool(points))


# --- The thermal picture ------------------------------------------------------------------------


def scene(width=4, height=2, **given):
    values: dict[str, Any] = {
        "device": "<b>",
        "at": WireTime(T0, ClockQuality.SYNCHRONISED),
        "width": width,
        "height": height,
        "min_c": 20.0,
        "max_c": 60.0,
        "grid": bytes(range(width * height)),
    }
    return Scene(**(values | given))


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_a_png_holds_the_grid_as_it_is(width, height, data):
    grid = data.draw(st.binary(min_size=width * height, max_size=width * height))
    raw = picture.png(width, height, grid)
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 4])
        name, body = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
        assert int.from_bytes(raw[at + 8 + length : at + 12 + length]) == zlib.crc32(name + body)
        chunks[name], at = body, at + 12 + length
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert int.from_bytes(chunks[b"IHDR"][:4]) == width
    assert len(chunks[b"PLTE"]) == 768
    rows = zlib.decompress(chunks[b"IDAT"])
    lines = [rows[n * (width + 1) : (n + 1) * (width + 1)] for n in range(height)]
    assert all(line[0] == 0 for line in lines)
    assert b"".join(line[1:] for line in lines) == grid


def test_the_palette_grows_brighter_so_that_it_reads_in_grey():
    light = [0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue in picture.PALETTE]
    assert light == sorted(light)
    assert picture.GRADIENT.startswith("linear-gradient(to right, #00000e")


def test_marks_stand_in_the_picture_with_what_was_measured():
    marks = (
        Mark(MarkKind.ROI, 0.0, 0.0, 0.5, 1.0, 41.54),
        Mark(MarkKind.REFERENCE, 0.5, 0.5, 0.25, 0.5, 40.0),
        Mark(MarkKind.REFERENCE, 0.9, 0.9, 0.1, 0.1),
    )
    text = picture.svg(EN, scene(marks=marks))
    assert [element.text for element in ET.fromstring(text) if element.tag == "text"] == [
        "41.5°C",
        "40.0°C",
    ]
    assert len(elements(text, "rect")) == 3
    (image,) = elements(text, "image")
    assert base64.b64decode(image.get("href", "").partition(",")[2]) == picture.png(4, 2, bytes(range(8)))
    for place in elements(text, "text"):
        assert 0 <= float(place.get("y", "-1")) <= picture.VIEW_WIDTH / 2, "inside, also at the edges"


TERMS = ScreeningTerms(34.91, 0.31, 1.02, 0.0, 0.21, Correction.ONE_POINT, 1.0, 0.4, 37.3)
SPOT = Mark(MarkKind.SPOT, 0.25, 0.5, 0.05, 0.05, 36.24)


def captions(text):
    return [element.text for element in elements(text, "text") if element.get("class") == "caption"]


def test_a_persons_reading_stands_at_their_spot_and_in_words_below():
    region = Mark(MarkKind.ROI, 0.0, 0.0, 0.5, 1.0, 36.2)
    reading = SceneReading(ScreeningState.NORMAL, 36.24, TERMS)
    text = picture.svg(EN, scene(marks=(region, SPOT), showing=Showing.BLURRED, readings=(reading,)))
    assert captions(text) == ["36.2°C (±0.4°C): below the limit of 37.3°C"]
    said = [element.text for element in elements(text, "text")]
    assert said[:-1] == ["36.2°C"], "the region's own temperature would say it twice"
    (circle,) = elements(text, "circle")
    assert float(circle.get("cx", "0")) == pytest.approx(0.275 * picture.VIEW_WIDTH)


@pytest.mark.parametrize("reason", NotScreened)
def test_why_nobody_is_measured_stands_in_the_picture_in_both_languages(reason):
    for language in Language:
        say = translator(language)
        cases: tuple[dict[str, Any], ...] = (
            {"condition": reason},
            {"readings": (SceneReading(ScreeningState.NOT_SCREENED, reason=reason),)},
        )
        for said in cases:
            text = picture.svg(say, scene(showing=Showing.BLURRED, **said))
            assert captions(text) == [say.text(phrase(reason))]
    assert captions(picture.svg(EN, scene())) == []


def test_only_a_normal_screening_is_green():
    assert [state for state in ScreeningState if "green" in SCREENINGS[state].colour] == [
        ScreeningState.NORMAL
    ]
    assert "green" not in UNFIT_LOOK.colour
    assert len({look.icon for look in (*SCREENINGS.values(), UNFIT_LOOK)}) == len(ScreeningState) + 1


# --- Metrics ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("surface_temp_c", 36.57, "36.6°C"),
        ("dose_mj_cm2", 12.345, "12.34 mJ/cm²"),
        ("irradiance_uw_cm2", 118.0, "118.0 µW/cm²"),
        ("outbox_rows", 1200.0, "1,200"),
        ("oddity", 1.0, "1.00"),
    ],
)
def test_a_number_stands_with_the_unit_of_its_name(metric, value, text):
    assert metrics.value_text(EN, metric, value) == text


def test_a_metric_that_nobody_has_translated_is_shown_as_the_device_calls_it():
    assert metrics.title_of(EN, "flux_capacitance") == "flux_capacitance"
    assert metrics.title_of(EN, "humidity_pct") == "Humidity"


# --- Thermometers -------------------------------------------------------------------------------


def latest(gateway, series, value, ago_s=0.0):
    return Latest(gateway=gateway, series=series, at=T0 - dt.timedelta(seconds=ago_s), value=value)


def test_thermometers_are_the_devices_with_a_surface_temperature():
    found = thermometers(
        [
            latest("t1", "gate-1/surface_temp_c", 36.0),
            latest("t1", "gate-1/elevated_c", 37.3),
            latest("t1", "lamp/lamp_h", 7.0),
            latest("t0", "a/b/surface_temp_c", 35.0),
        ]
    )
    assert [(one.gateway, one.device, one.value_c, one.elevated_c) for one in found] == [
        ("t0", "a/b", 35.0, None),
        ("t1", "gate-1", 36.0, 37.3),
    ]
    assert found[0].series == "a/b/surface_temp_c"


def test_an_old_value_is_never_the_warmest_and_one_of_the_future_neither():
    readings = [
        latest("t1", "a/surface_temp_c", 36.0),
        latest("t1", "b/surface_temp_c", 39.0, LIVE_S + 1),
        latest("t1", "c/surface_temp_c", 38.0, -LIVE_S - 1),
        latest("t1", "d/surface_temp_c", 35.0),
        latest("t2", "a/surface_temp_c", 36.0, LIVE_S + 1),
    ]
    assert {gateway: one.device for gateway, one in warmest(readings, T0).items()} == {"t1": "a"}


# --- The wall -----------------------------------------------------------------------------------


def site(**given):
    values: dict[str, Any] = {
        "site": "tower & co",
        "name": "<script>alert(1)</script>",
        "kind": "workplace",
        "gateways": 1,
        "gateways_silent": 0,
        "heard_at": T0,
        "worst": None,
        "alerts_open": 0,
        "entries": 1234,
        "devices": 5,
        "devices_online": 4,
        "zones": (),
    }
    return WallSite(**(values | given))


def test_what_others_have_named_is_escaped_on_the_wall():
    zone = WallZone(gateway="g", zone="z", title='"><img>', state=ZoneState.EMIT, gateway_silent=False)
    text = wall_tile.tile(EN, site(zones=(zone,)), None, T0)
    assert "<script>" not in text
    assert "<img>" not in text
    assert 'href="/alerts?site=tower+%26+co"' in text
    ET.fromstring(f"<div>{text}</div>")


@pytest.mark.parametrize(
    ("given", "words", "look"),
    [
        ({}, "All quiet", "bg-green-8"),
        ({"heard_at": None}, "Never heard of", "bg-blue-grey-6"),
        ({"gateways": 0}, "Never heard of", "bg-blue-grey-6"),
        (
            {"worst": OpenAlert(alert=AlertKind.FIRE, severity=Severity.CRITICAL, count=1), "alerts_open": 3},
            'Critical: Fire alarm</span><span class="more">and 2 more',
            "bg-red-9",
        ),
        (
            {"worst": OpenAlert(alert=AlertKind.TAMPER, severity=Severity.MAJOR, count=1), "alerts_open": 1},
            "Major: Device tampered with</span></a>",
            "bg-deep-orange-9",
        ),
    ],
)
def test_a_tile_says_how_a_site_is_in_colour_icon_and_words(given, words, look):
    text = wall_tile.tile(EN, site(**given), None, T0 + dt.timedelta(seconds=5))
    assert words in text
    assert f'class="worst {look}"' in text
    assert "material-icons" in text
    assert "1,234" in text
    assert "4 / 5" in text
    assert ("never" if given.get("heard_at", T0) is None else "5 seconds ago") in text


def test_zones_on_the_wall_are_few_and_the_locked_out_come_first():
    states = [ZoneState.IDLE, ZoneState.EMIT, ZoneState.RELEASED, ZoneState.LOCKOUT, ZoneState.DISABLED]
    zones = tuple(
        WallZone(gateway="g", zone=f"z{n}", title=f"Zone {n}", state=state, gateway_silent=n == 2)
        for n, state in enumerate(states)
    )
    text = wall_tile.tile(EN, site(zones=zones), None, T0)
    assert re.findall(r"Zone \d: [A-Z]\w+", text) == [
        "Zone 3: Locked",
        "Zone 1: Disinfecting",
        "Zone 2: Unknown",
        "Zone 0: Idle",
    ]
    assert "and one more zone" in text


def test_the_worst_site_comes_first():
    fire = OpenAlert(alert=AlertKind.FIRE, severity=Severity.CRITICAL, count=1)
    worn = OpenAlert(alert=AlertKind.LAMP_WORN, severity=Severity.MINOR, count=1)
    sites = [site(name="b"), site(name="a"), site(name="z", worst=worn), site(name="y", worst=fire)]
    assert [s.name for s in sorted(sites, key=wall_tile.badness)] == ["y", "z", "a", "b"]


# --- Looks and addresses ------------------------------------------------------------------------


def test_d12_an_aborted_cycle_is_never_green():
    assert "green" in CYCLES[CycleOutcome.COMPLETED].colour
    assert "green" not in CYCLES[CycleOutcome.ABORTED].colour


def test_d2_only_what_holds_is_green():
    assert [standing for standing in Standing if "green" in STANDINGS[standing].colour] == [Standing.OK]
    assert [state for state in ZoneState if "green" in ZONES[state].colour] == [ZoneState.RELEASED]


def test_no_two_states_share_their_icon():
    assert len({look.icon for look in ZONES.values()}) == len(ZoneState)
    assert len({look.icon for look in STANDINGS.values()}) == len(Standing)


def zone_row(zone, state, *, silent=False):
    return ZoneRow(
        site="s",
        site_name="S",
        gateway="g",
        gateway_silent=silent,
        zone=zone,
        title=zone,
        state=state,
        hazard=Hazard.EXCLUSION,
        monitor_only=False,
        two_people=False,
        since=T0,
        unit="u",
        permissives={},
        portals=(),
        cycle=None,
        cycle_since=None,
        stopped=None,
        last=None,
        at=T0,
    )


def test_zones_are_listed_the_worst_first():
    zones = [
        zone_row("calm", ZoneState.IDLE),
        zone_row("silent", ZoneState.IDLE, silent=True),
        zone_row("running", ZoneState.AERATE),
        zone_row("locked", ZoneState.LOCKOUT),
    ]
    assert [zone.zone for zone in sorted(zones, key=worst_first)] == ["locked", "silent", "running", "calm"]


def test_addresses_keep_odd_names_in_their_place():
    assert device_address("t1", "a b/../c?d") == "/devices/t1/a%20b%2F..%2Fc%3Fd"
    assert address_of("/zones", "a&b") == "/zones?site=a%26b"
    assert address_of("/zones") == "/zones"


# --- What an alert carries ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        (
            {"reason": "model m is not here", "check": "face_check"},
            [("检查项", "人脸是谁"), ("原因", "model m is not here")],
        ),
        (
            {"reason": "face_contradicts"},
            [("原因", translator(Language.ZH_CN).text(phrase(Reason.FACE_CONTRADICTS)))],
        ),
        ({"zone": "wc", "newer": "kept"}, [("区域", "wc"), ("newer", "kept")]),
        ({"outcome": "elsewhere", "check": ""}, [("检查项", ""), ("决定", "elsewhere")]),
    ],
)
def test_an_alert_says_what_it_carries_in_the_readers_words(
    detail: dict[str, str], said: list[tuple[str, str]]
):
    assert list(alert_detail.lines(detail, translator(Language.ZH_CN))) == said


def test_every_check_that_can_be_unavailable_has_a_name():
    edge = Path(__file__).parents[3] / "edge"
    named = {
        name
        for file in edge.rglob("*.py")
        for name in re.findall(r'Availability\(\s*"(\w+)"', file.read_text())
    }
    assert named >= {"faces", "face_check"}
    for name in named:
        ((_, value),) = alert_detail.lines({"check": name}, EN)
        assert value != name


def test_an_alerts_history_is_said_in_the_readers_words():
    zh = translator(Language.ZH_CN)
    assert set(alert_detail.CHANGES) == set(Change)
    assert alert_detail.happened("raised", zh) == "发生"
    assert alert_detail.happened("of a newer aggregator", zh) == "of a newer aggregator"
