"""What contradicts itself about thermal devices in gateway.toml is named with its remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cardea.runtime.config import ConfigInvalid, Settings
from drivers.api import (
    CredentialPresented,
    DeviceMisconfigured,
    DeviceSettings,
    Driver,
    InputChanged,
    OpenDoor,
    SpotMeasured,
    TemperatureMeasured,
    ThermalFrameCaptured,
    UnitReported,
)
from edge.configuration.loading import Configuration, load
from edge.configuration.references import ChannelRef
from edge.configuration.schema import gateway_schema
from edge.thermal.lint import scene_misfits
from edge.thermal.positions import position_of
from edge.thermal.settings import ShowsPeople
from models.thermal.overrides import Overrides
from models.thermal.people.presence import Manner
from models.thermal.reference.reference import Blackbody, Reference
from models.thermal.roi import Region


class NoSettings(DeviceSettings):
    pass


def _never(*_: Any) -> Any:
    raise AssertionError("reading a configuration opens no device")


def driver(*events: type, commands: tuple[type, ...] = ()) -> Driver[Any]:
    return Driver(NoSettings, _never, {}, None, events, commands)


DRIVERS = {
    "gate": driver(CredentialPresented, TemperatureMeasured, commands=(OpenDoor,)),
    "lepton": driver(ThermalFrameCaptured),
    "spot": driver(SpotMeasured),
    "board": driver(InputChanged, UnitReported),
}
GOOD = """
[gateway]
id = "tower-1"
site = "demo"
linkage_domain = "demo"
[broker]
host = "127.0.0.1"
ca_file = "ca"
cert_file = "crt"
key_file = "key"
[devices]
gate = { driver = "gate" }
door-cam = { driver = "lepton" }
boiler-cam = { driver = "lepton" }
wrist = { driver = "spot" }
board = { driver = "board" }
[portals.lobby]
name = "Lobby"
lock = "fail_safe"
mechanical_free_egress = true
hardwired_fire_release = true
ingress = { readers = ["gate"], thermometers = ["gate", "door-cam", "wrist"], actuator = { device = "gate" } }
[thermometers.door-cam]
roi = { top = 10, left = 20, bottom = 110, right = 120 }
references = [{ temp_c = 37.0, row = 20, column = 140, radius_px = 6, uncertainty_c = 0.1 }]
conditions = { emissivity = 0.97 }
warm_up_s = 600
presence_c_min = 32.5
presence_px_min = 200
steady_frames = 7
steady_c = 0.2
[thermometers.wrist]
spot_uncertainty_c = 0.3
[policy]
default = { degrade = "closed" }
"""
SCENES = 'scenes = ["boiler-cam"]\n'


def find(name: str) -> Driver[Any]:
    if name not in DRIVERS:
        raise DeviceMisconfigured(f"there is no driver {name!r}")
    return DRIVERS[name]


Read = Callable[[str], Configuration]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def from_text(text: str) -> Configuration:
        path = tmp_path / "gateway.toml"
        path.write_text(text)
        return load(path, find)

    return from_text


@pytest.fixture
def wrong(read: Read) -> Callable[[str], list[str]]:
    def problems(text: str) -> list[str]:
        with pytest.raises(ConfigInvalid) as caught:
            read(text)
        return [str(problem).partition("gateway.toml: ")[2] for problem in caught.value.problems]

    return problems


def test_a_position_is_what_the_file_says(read: Read) -> None:
    loaded = read(SCENES + GOOD)
    assert loaded.settings.scenes == ("boiler-cam",)
    position = position_of(loaded.settings.thermometers["door-cam"])
    assert position is not None
    assert position.region == Region(top=10, left=20, bottom=110, right=120)
    assert position.references == (
        Reference(temp_c=37.0, uncertainty_c=0.1, row=20, column=140, radius_px=6.0),
    )
    assert position.overrides == Overrides(emissivity=0.97)
    assert position.warm_up_s == 600
    assert loaded.settings.thermometers["door-cam"].picture is ShowsPeople.OFF
    assert position.presence_px_min == 200
    assert position.manner == Manner(presence_c_min=32.5, frames=7, spread_c_max=0.2)
    assert position_of(loaded.settings.thermometers["wrist"]) is None


def test_references_without_a_place_are_searched_for_and_a_sites_constant_is_added(read: Read) -> None:
    text = GOOD.replace(
        ", row = 20, column = 140, radius_px = 6, uncertainty_c = 0.1 }", " }, { temp_c = 34.0 }"
    )
    extra = (
        "site_c = -0.2\nsite_source = 'oral readings of 40 staff, May'\nreference_gone_s_max = 5\nwarm_up_s"
    )
    position = position_of(read(text.replace("warm_up_s", extra)).settings.thermometers["door-cam"])
    assert position is not None
    assert position.references == (Blackbody(temp_c=37.0), Blackbody(temp_c=34.0))
    assert position.site_c == -0.2
    assert position.reference_gone_s_max == 5


REGISTRATION = (
    "registration = { x = [0.5, 0, 1, 0], y = [0, 0.5, 1, 0], interocular_px = [40, 90], residual_px = 0.5 }"
)
CASES = {
    "a thermometer that is no device": (
        GOOD.replace("[thermometers.wrist]", "[thermometers.wrst]"),
        "thermometers.wrst → no such device; known here: board, boiler-cam, door-cam, gate, wrist",
    ),
    "a device that sees no temperatures": (
        GOOD.replace("[thermometers.wrist]\nspot_uncertainty_c = 0.3", "[thermometers.board]"),
        "thermometers.board → its driver sees no temperatures as frames or spots",
    ),
    "a terminal with a position": (
        GOOD.replace("[thermometers.wrist]\nspot_uncertainty_c = 0.3", "[thermometers.gate]"),
        "thermometers.gate → its driver sees no temperatures as frames or spots",
    ),
    "frames without a region": (
        GOOD.replace("roi =", "#"),
        "thermometers.door-cam.roi → is required: where in its frames do faces appear?",
    ),
    "frames without an entry": (
        GOOD.replace('"door-cam", "wrist"', '"boiler-cam"'),
        "thermometers.boiler-cam.roi → is required",
    ),
    "something else as a thermometer": (
        GOOD.replace('"door-cam", "wrist"', '"board"'),
        "portals.lobby.ingress.thermometers: board → its driver 'board' never says TemperatureMeasured",
    ),
    "a region upside down": (
        GOOD.replace("bottom = 110", "bottom = 11"),
        "thermometers.door-cam.roi → must be at least 3 pixels high and wide",
    ),
    "two references alike": (
        GOOD.replace("uncertainty_c = 0.1 }]", "uncertainty_c = 0.1 }, { temp_c = 39.9 }]"),
        "thermometers.door-cam → two references tell of a gain only when set 3 °C apart or more",
    ),
    "three references": (
        GOOD.replace("uncertainty_c = 0.1 }]", "uncertainty_c = 0.1 }, { temp_c = 33 }, { temp_c = 41 }]"),
        "thermometers.door-cam.references",
    ),
    "half a place": (
        GOOD.replace("row = 20, column = 140, ", "row = 20, "),
        "thermometers.door-cam.references.0 → row, column and radius_px go together",
    ),
    "a reference as it was written before": (
        GOOD.replace("references = [", "reference = ").replace(
            "uncertainty_c = 0.1 }]", "uncertainty_c = 0.1 }"
        ),
        "thermometers.door-cam.reference",
    ),
    "a site's constant from nowhere": (
        GOOD.replace("warm_up_s", "site_c = 0.3\nsite_source = ' '\nwarm_up_s"),
        "thermometers.door-cam → site_c needs its site_source: whose comparison, of what, when",
    ),
    "a site's constant too large": (
        GOOD.replace("warm_up_s", "site_c = 1.5\nsite_source = 'a guess'\nwarm_up_s"),
        "thermometers.door-cam.site_c: 1.5 →",
    ),
    "humidity in percent": (
        GOOD.replace("emissivity = 0.97", "humidity = 45"),
        "thermometers.door-cam.conditions.humidity: 45 →",
    ),
    "a scene that is no device": (
        'scenes = ["boiler"]\n' + GOOD,
        "scenes: boiler → no such device; known here:",
    ),
    "a scene without frames": (
        'scenes = ["wrist"]\n' + GOOD,
        "scenes: wrist → its driver gives no thermal frames; leave this out",
    ),
    "a scene with people in it": (
        'scenes = ["boiler-cam", "door-cam"]\n' + GOOD,
        "scenes: door-cam → portal 'lobby' uses it, so people are in its picture; leave this out",
    ),
    "a camera beside it that is no device": (
        GOOD.replace("warm_up_s", f'camera = "cam"\n{REGISTRATION}\nwarm_up_s'),
        "thermometers.door-cam.camera: cam → no such device; known here:",
    ),
    "a camera beside it that sees nothing": (
        GOOD.replace("warm_up_s", f'camera = "board"\n{REGISTRATION}\nwarm_up_s'),
        "thermometers.door-cam.camera: board → its driver gives no visible pictures; name a camera",
    ),
    "a camera without a registration": (
        GOOD.replace("warm_up_s", "camera = 'board'\nwarm_up_s"),
        "thermometers.door-cam → camera and registration belong together (cardea thermal register)",
    ),
    "a picture of a spot": (
        GOOD.replace("spot_uncertainty_c = 0.3", 'picture = "blurred"'),
        "thermometers.wrist.picture: blurred → its driver gives no thermal frames; leave this out",
    ),
    "people in a scene without people": (
        SCENES + GOOD.replace("[policy]", '[thermometers.boiler-cam]\npicture = "blurred"\n[policy]'),
        "thermometers.boiler-cam.picture: blurred → it is a scene without people; leave this out",
    ),
    "a picture of another kind": (
        GOOD.replace("warm_up_s", 'picture = "clear"\nwarm_up_s'),
        "thermometers.door-cam.picture: 'clear' → must be 'off', 'blurred' or 'entitled'",
    ),
    "scenes that are no list": ("scenes = 7\n" + GOOD, "scenes: 7 →"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_named_with_its_remedy(case: str, wrong: Callable[[str], list[str]]) -> None:
    text, expected = CASES[case]
    assert [line for line in wrong(text) if line.startswith(expected)], wrong(text)


class Lift(Settings):
    """A zone, however it is described."""

    title: str = "Lift"
    inputs: tuple[ChannelRef, ...] = (ChannelRef(device="board"), ChannelRef(device="boiler-cam"))


def test_a_scene_of_a_zone_has_people_in_it() -> None:
    """Whatever a zone's settings name, however deep."""
    devices = frozenset({"boiler-cam", "cabinet-cam"})
    drivers = dict.fromkeys(devices, DRIVERS["lepton"])
    found = scene_misfits(("boiler-cam", "cabinet-cam"), {}, {}, {"lift": Lift()}, drivers, devices)
    ((key, name, advice),) = found
    assert (key, name) == ("scenes", "boiler-cam")
    assert advice.startswith("zone 'lift' uses it, so people are in its picture; leave this out")


def test_every_key_is_described() -> None:
    schema = gateway_schema({name: found.settings for name, found in DRIVERS.items()})
    parts = {"Thermometer", "Region", "Reference", "ConditionsOverride"}
    assert parts <= set(schema["$defs"])
    missing = [
        f"{title}.{key}"
        for title in parts
        for key, described in schema["$defs"][title]["properties"].items()
        if "description" not in described
    ]
    assert missing == []
