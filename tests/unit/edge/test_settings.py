"""gateway.toml: what is taken, and that everything wrong is said at once with key and remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from cardea.contract.policy import Degrade
from cardea.runtime.config import ConfigInvalid
from drivers.api import (
    AnswerCheck,
    CredentialPresented,
    DeviceMisconfigured,
    DeviceSettings,
    DoorMoved,
    Driver,
    HoldOpen,
    InputChanged,
    LinkKind,
    OpenDoor,
    TemperatureMeasured,
)
from edge.configuration.loading import Configuration, load
from edge.configuration.schema import gateway_schema
from edge.configuration.settings import Portal
from edge.configuration.topology import thresholds


class TerminalSettings(DeviceSettings):
    user: str = Field(default="cardea", description="account on the terminal")
    tries: int = Field(default=3, ge=1, description="attempts")


class PlainSettings(DeviceSettings):
    pass


def _never(*_: Any) -> Any:
    raise AssertionError("reading a configuration opens no device")


DRIVERS: dict[str, Driver[Any]] = {
    "gates.terminal": Driver(
        TerminalSettings,
        _never,
        {},
        None,
        (CredentialPresented, TemperatureMeasured),
        (AnswerCheck, OpenDoor, HoldOpen),
        link_for=lambda settings: LinkKind.TCP if settings.user == "line" else None,
    ),
    "readers.qr": Driver(PlainSettings, _never, {}, LinkKind.TCP, (CredentialPresented,), ()),
    "io.relay": Driver(
        PlainSettings, _never, {}, LinkKind.MODBUS, (InputChanged, DoorMoved), (OpenDoor, HoldOpen)
    ),
    "io.pulse": Driver(PlainSettings, _never, {}, None, (InputChanged,), (OpenDoor,)),
}


def find(name: str) -> Driver[Any]:
    if name not in DRIVERS:
        raise DeviceMisconfigured(f"there is no driver {name!r}; there are: {', '.join(DRIVERS)}")
    return DRIVERS[name]


GOOD = """
[gateway]
id = "tower-1"
site = "demo-tower"
linkage_domain = "demo"
[broker]
host = "127.0.0.1"
port = 18883
ca_file = "pki/ca.crt"
cert_file = "pki/tower-1.crt"
key_file = "pki/tower-1.key"
[trust]
order_keys = ["trust/orders.pub"]
[links.line]
kind = "modbus_rtu"
path = "run/rs485"
[links.qr-1]
kind = "tcp"
host = "127.0.0.1"
port = 18091
[devices.gate-1]
driver = "gates.terminal"
settings = { tries = 2 }
[devices.qr-1]
driver = "readers.qr"
link = "qr-1"
[devices.relay-1]
driver = "io.relay"
link = "line"
[portals.lobby-a]
name = "Lobby A"
lock = "fail_safe"
mechanical_free_egress = false
hardwired_fire_release = true
ingress = { readers = ["gate-1"], thermometers = ["gate-1"], actuator = { device = "gate-1" } }
egress = { actuator = { device = "relay-1", door = 2 }, rex = { device = "relay-1", channel = 1 } }
fire = { device = "relay-1", channel = 0 }
door = { device = "relay-1", door = 1 }
[portals.service]
name = "Service"
lock = "fail_secure"
mechanical_free_egress = true
hardwired_fire_release = true
ingress = { readers = ["qr-1"], actuator = { device = "relay-1", door = 1 } }
[policy]
default = { degrade = "closed" }
portals.lobby-a = { require_screening = true, degrade = "staff_check" }
"""

Load = Callable[[str], Configuration]


@pytest.fixture
def read(tmp_path: Path) -> Load:
    def from_text(text: str) -> Configuration:
        path = tmp_path / "gateway.toml"
        path.write_text(text)
        return load(path, find)

    return from_text


@pytest.fixture
def wrong(read: Load) -> Callable[..., list[str]]:
    """The problems of GOOD after replacements, as ``key: value → advice`` without the file's name."""

    def problems(*replaced: tuple[str, str]) -> list[str]:
        text = GOOD
        for old, new in replaced:
            assert text.count(old) >= 1, old
            text = new.join(text.rsplit(old, 1))
        with pytest.raises(ConfigInvalid) as caught:
            read(text)
        return [str(problem).partition("gateway.toml: ")[2] for problem in caught.value.problems]

    return problems


def test_a_good_file_is_taken_whole(read: Load, tmp_path: Path) -> None:
    loaded = read(GOOD)
    assert loaded.settings.gateway.data_dir == tmp_path / "data"
    assert loaded.settings.trust.order_keys == (tmp_path / "trust/orders.pub",)
    assert loaded.devices["gate-1"].settings == TerminalSettings(tries=2)
    assert loaded.policy.version == 1
    assert loaded.policy.target == "tower-1"
    assert loaded.policy.of("lobby-a").require_screening
    assert loaded.policy.of("service").degrade is Degrade.CLOSED


CASES = {
    "an unknown link": (('link = "qr-1"', 'link = "qr-9"'), "devices.qr-1.link: qr-9 → no such link"),
    "a link of another kind": (('link = "line"', 'link = "qr-1"'), "devices.relay-1.link: qr-1 (tcp) →"),
    "no link where one is needed": (
        ('driver = "readers.qr"\nlink = "qr-1"', 'driver = "readers.qr"'),
        "devices.qr-1.link → 'readers.qr' needs a link of tcp",
    ),
    "no link where these settings need one": (
        ("tries = 2", 'user = "line"'),
        "devices.gate-1.link → 'gates.terminal' needs a link of tcp",
    ),
    "an unknown device": (
        ('readers = ["gate-1"]', 'readers = ["gate-9"]'),
        "portals.lobby-a.ingress.readers: gate-9 → no such device; known here: gate-1, qr-1, relay-1",
    ),
    "an unknown driver": (('"readers.qr"', '"readers.rq"'), "devices.qr-1.driver: readers.rq → there is no"),
    "a driver's own setting": (("tries = 2", "tries = 0"), "devices.gate-1.settings.tries: 0 →"),
    "a driver's unknown setting": (("tries = 2", "trys = 2"), "devices.gate-1.settings.trys: 2 →"),
    "a device that cannot read": (
        ('ingress = { readers = ["qr-1"]', 'ingress = { readers = ["relay-1"]'),
        "portals.service.ingress.readers: relay-1 → its driver 'io.relay' never says CredentialPresented",
    ),
    "a device that cannot open": (
        ('actuator = { device = "relay-1", door = 1 }', 'actuator = { device = "qr-1" }'),
        "portals.service.ingress.actuator: qr-1 → its driver 'readers.qr' cannot do OpenDoor or AnswerCheck",
    ),
    "no reader at all": (
        ('ingress = { readers = ["qr-1"], ', "ingress = { "),
        "portals.service.ingress.readers → name at least one reader",
    ),
    "nothing that opens for ingress": (
        (', actuator = { device = "relay-1", door = 1 } }', " }"),
        "portals.service.ingress.actuator → is required",
    ),
    "L5 fail-secure without mechanical free egress": (
        ("mechanical_free_egress = true", "mechanical_free_egress = false"),
        "portals.service.lock: fail_secure → a fail-secure lock needs mechanical_free_egress = true (L5)",
    ),
    "L1 L4 nothing releases on fire": (
        ('hardwired_fire_release = true\ningress = { readers = ["qr-1"]',
         'hardwired_fire_release = false\ningress = { readers = ["qr-1"]'),
        "portals.service.fire → without hardwired_fire_release name the input",
    ),
    "L7 no degrade policy in so many words": (
        (', degrade = "staff_check"', ""),
        "policy.portals.lobby-a.degrade → say what portal 'lobby-a' does",
    ),
    "item 21 only faces": (
        ("settings = { tries = 2 }", 'credentials = ["face"]'),
        "portals.lobby-a.ingress.readers: gate-1 → nobody gets in here without a face",
    ),
    "a policy value": (
        ('degrade = "closed"', 'degrade = "green"'),
        "policy.default.degrade: 'green' → Invalid enum value 'green'",
    ),
    "a policy key": (
        ('degrade = "closed"', 'degrade = "closed", egress = "deny"'),
        "policy.default.egress: 'deny' → unknown key; known here: require_screening",
    ),
    "a policy for no portal": (
        ("portals.lobby-a", 'portals.lobby-z = { degrade = "closed" }\nportals.lobby-a'),
        "policy.portals.lobby-z → no such portal; known here: lobby-a, service",
    ),
    "screening without a thermometer": (
        ('thermometers = ["gate-1"], ', ""),
        "policy.portals.lobby-a.require_screening: true → 'Lobby A' has no thermometer",
    ),
    "hard anti-passback without a way to be counted out": (
        ('degrade = "closed"', 'degrade = "closed", anti_passback = "hard"'),
        "policy.default.anti_passback: hard → 'Service' has no egress reader",
    ),
    "timed anti-passback without a time": (
        ('degrade = "closed"', 'degrade = "closed", anti_passback = "timed"'),
        "policy.default.anti_passback_s: 0 →",
    ),
    "a zone that is not there": (
        ('degrade = "closed"', 'degrade = "closed", require_zone = true'),
        "policy.default.require_zone: true → 'Service' leads into no zone",
    ),
    "a door of two portals": (
        ('readers = ["qr-1"], actuator = { device = "relay-1", door = 1 }',
         'readers = ["qr-1"], actuator = { device = "relay-1", door = 2 }'),
        "portals.service.ingress.actuator: relay-1 door 2 → portal 'lobby-a' has this door already",
    ),
    "an input of two meanings": (
        ('rex = { device = "relay-1", channel = 1 }', 'rex = { device = "relay-1", channel = 0 }'),
        "portals.lobby-a.fire: relay-1 channel 0 → this input is 'egress.rex' already",
    ),
    "a time zone": (('site = "demo-tower"', 'site = "demo-tower"\ntime_zone = "Mars/Base"'),
                    "gateway.time_zone: 'Mars/Base' → must be a time zone"),
    "a gateway id that MQTT cannot carry": (('id = "tower-1"', 'id = "Tower/1"'), "gateway.id: 'Tower/1' →"),
    "a missing section": (("[broker]", "[brokers]"), "broker → is required"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_named_with_its_remedy(case: str, wrong: Callable[..., list[str]]) -> None:
    replacement, expected = CASES[case]
    assert [line for line in wrong(replacement) if line.startswith(expected)], wrong(replacement)


def test_everything_wrong_is_said_at_once(wrong: Callable[..., list[str]]) -> None:
    said = wrong(
        ('id = "tower-1"', 'id = "Tower 1"'),
        ('driver = "readers.qr"', 'driver = "readers.none"'),
        ("tries = 2", "tries = 0"),
        ('fire = { device = "relay-1", channel = 0 }', 'fire = { device = "relay-7", channel = 0 }'),
        (', degrade = "staff_check"', ', retests_max = "many"'),
        ("mechanical_free_egress = true", "mechanical_free_egress = false"),
    )
    keys = {line.partition(":")[0].partition(" →")[0] for line in said}
    assert keys == {
        "gateway.id",
        "devices.qr-1.driver",
        "devices.gate-1.settings.tries",
        "portals.lobby-a.fire",
        "policy.portals.lobby-a.retests_max",
        "portals.service.lock",
    }


def test_a_fire_input_needs_an_actuator_that_can_be_held_open(wrong: Callable[..., list[str]]) -> None:
    """L4: the software release must be something the actuator can do."""
    said = wrong(
        ('[devices.gate-1]\ndriver = "gates.terminal"\nsettings = { tries = 2 }',
         '[devices.gate-1]\ndriver = "gates.terminal"\n[devices.pulse]\ndriver = "io.pulse"'),
        ('actuator = { device = "gate-1" }', 'actuator = { device = "pulse" }'),
        ('actuator = { device = "relay-1", door = 2 }', 'actuator = { device = "pulse", door = 2 }'),
    )  # fmt: skip
    assert [line.partition(" →")[0] for line in said] == ["portals.lobby-a.fire: relay-1"]


def test_a_driver_that_shares_no_link_is_given_none(wrong: Callable[..., list[str]]) -> None:
    said = wrong(
        ("[devices.relay-1]", '[devices.pulse]\ndriver = "io.pulse"\nlink = "line"\n[devices.relay-1]')
    )
    assert said == ["devices.pulse.link: line → 'io.pulse', set up like this, shares no link; leave this out"]


def test_the_schema_describes_every_key() -> None:
    schema = gateway_schema({name: driver.settings for name, driver in DRIVERS.items()})
    missing = [
        f"{title}.{key}"
        for title, part in schema["$defs"].items()
        for key, described in part.get("properties", {}).items()
        if title
        in {"Gateway", "Broker", "Trust", "Device", "Portal", "Ingress", "Egress", "DoorRef", "ChannelRef"}
        and "description" not in described
    ]
    assert missing == []
    assert "PortalPolicy" in schema["$defs"]
    assert "TerminalSettings" in schema["$defs"]


def test_portals_that_share_a_thermometer_are_drawn_at_the_lowest_threshold() -> None:
    portals = {
        name: Portal.model_validate(
            {
                "name": name,
                "lock": "fail_safe",
                "mechanical_free_egress": True,
                "hardwired_fire_release": True,
                "ingress": {"thermometers": devices},
                "screening": {"retest_c": 36.0, "elevated_c": limit_c},
            }
        )
        for name, devices, limit_c in (("a", ("t-1", "t-2"), 37.4), ("b", ("t-1",), 37.1))
    }
    assert thresholds(portals) == {"t-1/elevated_c": 37.1, "t-2/elevated_c": 37.4}
