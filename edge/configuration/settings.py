"""gateway.toml: what the gateway is, what is connected to it and which ways through the building it serves.

Shapes and bounds stand here; what one part says about another is checked in ``edge.configuration.lint``.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from cardea.contract.records import Authority, CredentialKind
from cardea.runtime.config import RelativePath, Settings, TimeZoneName
from cardea.runtime.i18n import Language
from drivers.links.settings import LinkSettings
from edge.configuration.references import ChannelRef, DoorRef, Id
from edge.faces.settings import Faces
from edge.thermal.settings import Thermometer
from edge.zone.settings import Zone

ENTRIES_MAX = 256
"""Links, devices or portals of one gateway at the most."""

SecretName = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Lock(StrEnum):
    """What a lock does without power."""

    FAIL_SAFE = "fail_safe"
    FAIL_SECURE = "fail_secure"


class Gateway(Settings):
    """The gateway itself."""

    id: Id = Field(description="Name of this gateway; equals the common name of its certificate")
    site: Id = Field(description="The site it serves")
    language: Language = Field(default=Language.EN, description="Language of the texts that terminals show")
    time_zone: TimeZoneName = Field(
        default="UTC", description="IANA time zone in which people's schedules are meant"
    )
    data_dir: RelativePath = Field(
        default=Path("data"), validate_default=True, description="Folder of outbox, vault and status file"
    )
    secrets_dir: RelativePath = Field(
        default=Path("secrets"),
        validate_default=True,
        description="Folder of the files (mode 0600) that settings name as secrets",
    )
    linkage_domain: Id = Field(
        description="Sites of one domain know a person by the same pseudonym; others cannot be joined"
    )
    linkage_secret: SecretName | None = Field(
        default=None, description="Secret that the sites of the domain share; without it no other site joins"
    )


class Broker(Settings):
    """The MQTT broker; while it is away decisions go on and the outbox fills."""

    host: str = Field(min_length=1, max_length=253, description="Host name or address of the broker")
    port: int = Field(default=8883, ge=1, le=65535, description="TLS port of the broker")
    ca_file: RelativePath = Field(description="Certificate of the authority that signed the broker's")
    cert_file: RelativePath = Field(description="This gateway's certificate")
    key_file: RelativePath = Field(description="Private key of this gateway's certificate, mode 0600")


class Trust(Settings):
    """Whose signatures the gateway believes."""

    order_keys: tuple[RelativePath, ...] = Field(
        default=(),
        max_length=16,
        description="Ed25519 public keys (PEM) that sign orders, policies and statuses",
    )
    pass_keys: tuple[RelativePath, ...] = Field(
        default=(), max_length=16, description="Ed25519 public keys (PEM) that sign passes"
    )
    pass_code_secret: SecretName | None = Field(
        default=None, description="Secret from which rotating pass codes derive; without it none is honoured"
    )


class Device(Settings):
    """One device: its driver, its link and what the driver asks to know."""

    driver: str = Field(min_length=1, max_length=128, description="Driver name, such as 'gates.hikvision'")
    link: Id | None = Field(
        default=None, description="Name of the link it is connected through, when it shares one"
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="The driver's own settings")
    credentials: frozenset[CredentialKind] = Field(
        default=frozenset(CredentialKind),
        description="What people can present to it, as it is set up on site",
    )
    capture: bool = Field(
        default=False, description="Record what the device really sends, for the decode command"
    )
    silent_s_max: float = Field(
        default=120.0,
        ge=1,
        le=86400,
        description="A session whose driver hears heartbeats counts as lost after this silence; s",
    )
    events_per_s_max: float = Field(
        default=50.0, ge=1, le=1000, description="Events beyond this rate are refused aloud; events per s"
    )


class Ingress(Settings):
    """The side from which people come in."""

    readers: tuple[Id, ...] = Field(
        default=(), max_length=8, description="Devices that read credentials here"
    )
    thermometers: tuple[Id, ...] = Field(
        default=(), max_length=4, description="Devices that measure temperature here"
    )
    cameras: tuple[Id, ...] = Field(
        default=(), max_length=2, description="Cameras that look at whoever comes in here"
    )
    actuator: DoorRef | None = Field(
        default=None, description="The door that is released for somebody coming in"
    )


class Egress(Settings):
    """The side from which people leave; never gated by software."""

    readers: tuple[Id, ...] = Field(
        default=(), max_length=8, description="Devices that read credentials here"
    )
    actuator: DoorRef | None = Field(
        default=None, description="The door that is released for somebody leaving"
    )
    rex: ChannelRef | None = Field(default=None, description="Input of the request-to-exit button or sensor")


class Screening(Settings):
    """The site's thresholds of surface temperature, as its thermometer reports it."""

    retest_c: float = Field(default=37.0, gt=30, lt=45, description="From here on measured again; °C")
    elevated_c: float = Field(default=37.3, gt=30, lt=45, description="From here on elevated; °C")

    @model_validator(mode="after")
    def _in_order(self) -> "Screening":
        if self.retest_c > self.elevated_c:
            raise ValueError("retest_c must not lie above elevated_c")
        return self


class Portal(Settings):
    """A way through: its two sides, the devices that serve each, and how its lock behaves."""

    name: str = Field(min_length=1, max_length=80, description="Name for people")
    authority: Authority = Field(
        default=Authority.GATEWAY,
        description="Who opens: the gateway after its decision, or the terminal by itself",
    )
    lock: Lock = Field(description="What the lock does without power")
    mechanical_free_egress: bool = Field(
        description="Whether the leaf opens outward by hand whatever the lock does"
    )
    hardwired_fire_release: bool = Field(
        description="Whether a contact of the fire panel cuts the lock's power without any software"
    )
    ingress: Ingress = Field(description="The side from which people come in")
    egress: Egress = Field(default=Egress(), description="The side from which people leave")
    fire: ChannelRef | None = Field(default=None, description="Input wired to the fire panel")
    lockdown: ChannelRef | None = Field(
        default=None, description="Input of the lockdown switch; restricts ingress only"
    )
    door: DoorRef | None = Field(default=None, description="Contact that tells whether the leaf is open")
    thermometer_compliant: bool = Field(
        default=False,
        description="Whether its thermometer has been shown to conform; otherwise it is advisory",
    )
    screening: Screening = Field(default=Screening(), description="Thresholds of the temperature screening")
    zone: Id | None = Field(default=None, description="The disinfection zone behind it; a key of [zones]")


class PolicyTable(Settings):
    """The first policy, version 1, in force until a signed one arrives."""

    default: dict[str, Any] = Field(default_factory=dict, description="Policy of portals without their own")
    portals: dict[Id, dict[str, Any]] = Field(
        default_factory=dict, description="Whole policies of single portals; they override the default"
    )


class GatewaySettings(Settings):
    """gateway.toml as a whole."""

    gateway: Gateway = Field(description="The gateway itself")
    broker: Broker = Field(description="The MQTT broker")
    trust: Trust = Field(default=Trust(), description="Whose signatures the gateway believes")
    links: dict[Id, LinkSettings] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="What devices share, by name"
    )
    devices: dict[Id, Device] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="Devices, by name"
    )
    portals: dict[Id, Portal] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="Ways through the building, by name"
    )
    thermometers: dict[Id, Thermometer] = Field(
        default_factory=dict,
        max_length=ENTRIES_MAX,
        description="How devices that see temperatures as frames or spots measure people, by device",
    )
    faces: Faces = Field(default=Faces(), description="The gateway's own face check")
    zones: dict[Id, Zone] = Field(
        default_factory=dict, max_length=ENTRIES_MAX, description="Volumes that can be disinfected, by name"
    )
    scenes: tuple[Id, ...] = Field(
        default=(),
        max_length=8,
        description="Thermal devices that watch no people and whose picture the console may show",
    )
    policy: PolicyTable = Field(default=PolicyTable(), description="The first policy")
