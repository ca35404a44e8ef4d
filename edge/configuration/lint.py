"""What one part of gateway.toml says about another: references, drivers, locks and policies.

A lint yields a finding for each thing that is wrong; entries that are malformed in themselves have been
reported already and are left out of ``Parts``, but their names still count as known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cardea.contract.policy import AntiPassback, FaceRequirement, PortalPolicy
from cardea.contract.records import Authority, CredentialKind
from drivers.api import Driver, HoldOpen, LinkKind
from edge.configuration.settings import Device, DoorRef, Lock, Portal
from edge.configuration.topology import COMMANDS_OF, EVENTS_OF, Role, Use, shows_faces, uses
from edge.decide.lint import lock_misfits, policy_misfits
from edge.thermal.lint import scene_misfits, thermometer_misfits
from edge.thermal.settings import Thermometer
from edge.zone.lint import Around, shared_units, zone_misfits
from edge.zone.settings import Zone

LINK_KINDS: Mapping[str, LinkKind] = {
    "http_listener": LinkKind.HTTP_LISTENER,
    "tcp": LinkKind.TCP,
    "serial": LinkKind.SERIAL,
    "modbus_tcp": LinkKind.MODBUS,
    "modbus_rtu": LinkKind.MODBUS,
    "video": LinkKind.VIDEO,
    "udp": LinkKind.UDP,
    "i2c": LinkKind.I2C,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: the key, what stands there, what would be right."""

    key: str
    value: str | None
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The well-formed entries of a configuration, and the names of all that were given."""

    link_kinds: Mapping[str, str]
    devices: Mapping[str, Device]
    portals: Mapping[str, Portal]
    thermometers: Mapping[str, Thermometer]
    zones: Mapping[str, Zone]
    scenes: tuple[str, ...]
    drivers: Mapping[str, Driver[Any]]
    """The driver of each device whose driver is known."""
    needed_links: Mapping[str, LinkKind | None]
    """The link that each device whose settings are well formed needs."""
    policies: Mapping[str, PortalPolicy]
    """The policy in force at each portal whose policy is well formed."""
    degrade_given: frozenset[str]
    """Portals whose policy says ``degrade`` in so many words."""
    policy_portals: frozenset[str]
    """Portals that ``[policy.portals]`` speaks of."""
    names: Mapping[str, frozenset[str]]
    """Names given under ``links``, ``devices``, ``portals``, ``thermometers`` and ``zones``."""


def findings(parts: Parts) -> Iterator[Finding]:
    """Everything that is wrong between the parts."""
    for lint in LINTS:
        yield from lint(parts)


def _links_known_and_fitting(parts: Parts) -> Iterator[Finding]:
    for name, device in parts.devices.items():
        key = f"devices.{name}.link"
        if device.link is not None and device.link not in parts.names["links"]:
            yield Finding(key, device.link, _known("link", parts.names["links"]))
        elif name in parts.needed_links:
            yield from _link_misfits(key, device, parts.needed_links[name], parts.link_kinds)


def _link_misfits(
    key: str, device: Device, needed: LinkKind | None, kinds: Mapping[str, str]
) -> Iterator[Finding]:
    kind = kinds.get(device.link or "")
    if device.link is not None and kind is None:
        return
    if needed is None:
        if kind is not None:
            yield Finding(
                key, device.link, f"{device.driver!r}, set up like this, shares no link; leave this out"
            )
    elif kind is None or LINK_KINDS[kind] is not needed:
        wanted = ", ".join(sorted(name for name, fits in LINK_KINDS.items() if fits is needed))
        shown = None if kind is None else f"{device.link} ({kind})"
        yield Finding(key, shown, f"{device.driver!r} needs a link of {wanted}")


def _devices_known_and_able(parts: Parts) -> Iterator[Finding]:
    for name, portal in parts.portals.items():
        for use in uses(portal):
            key = f"portals.{name}.{use.role.value}"
            if use.device not in parts.names["devices"]:
                yield Finding(key, use.device, _known("device", parts.names["devices"]))
            elif use.device in parts.drivers and not _able(use, parts.drivers[use.device]):
                yield Finding(key, use.device, f"its driver {_cannot(use, parts)}; name another device")


def _able(use: Use, driver: Driver[Any]) -> bool:
    events, commands = EVENTS_OF.get(use.role, ()), COMMANDS_OF.get(use.role, ())
    says = not events or any(event in driver.events for event in events)
    does = not commands or any(command in driver.commands for command in commands)
    return says and does


def _cannot(use: Use, parts: Parts) -> str:
    driver = parts.devices[use.device].driver
    events = EVENTS_OF.get(use.role, ())
    if events:
        return f"{driver!r} never says {' or '.join(event.__name__ for event in events)}"
    return f"{driver!r} cannot do {' or '.join(c.__name__ for c in COMMANDS_OF[use.role])}"


def _ways_exist(parts: Parts) -> Iterator[Finding]:
    for name, portal in parts.portals.items():
        if not portal.ingress.readers and not portal.egress.readers and portal.egress.rex is None:
            yield Finding(f"portals.{name}.ingress.readers", None, "name at least one reader")
        if portal.authority is not Authority.GATEWAY:
            continue
        if portal.ingress.readers and portal.ingress.actuator is None:
            yield Finding(f"portals.{name}.ingress.actuator", None, "is required: what opens for ingress?")
        leaving = portal.egress.readers or portal.egress.rex is not None
        if leaving and portal.egress.actuator is None and portal.ingress.actuator is None:
            yield Finding(f"portals.{name}.egress.actuator", None, "is required: what opens for egress?")


def _one_portal_for_each_door(parts: Parts) -> Iterator[Finding]:
    owner: dict[DoorRef, str] = {}
    for name, portal in parts.portals.items():
        for side in ("ingress", "egress"):
            door: DoorRef | None = getattr(portal, side).actuator
            if door is not None and owner.setdefault(door, name) != name:
                where = f"{door.device} door {door.door}"
                yield Finding(
                    f"portals.{name}.{side}.actuator",
                    where,
                    f"portal {owner[door]!r} has this door already; a door belongs to one portal",
                )


def _inputs_mean_one_thing(parts: Parts) -> Iterator[Finding]:
    meaning: dict[tuple[str, int | None], Role] = {}
    for name, portal in parts.portals.items():
        for use in uses(portal):
            if use.role not in (Role.FIRE, Role.REX, Role.LOCKDOWN):
                continue
            first = meaning.setdefault((use.device, use.number), use.role)
            if first is not use.role:
                yield Finding(
                    f"portals.{name}.{use.role.value}",
                    f"{use.device} channel {use.number}",
                    f"this input is {first.value!r} already; an input means one thing",
                )


def _locks_let_people_out(parts: Parts) -> Iterator[Finding]:
    """SAFETY.md L1, L4, L5."""
    for name, portal in parts.portals.items():
        misfits_of_lock = lock_misfits(
            fail_secure=portal.lock is Lock.FAIL_SECURE,
            mechanical_free_egress=portal.mechanical_free_egress,
            hardwired_fire_release=portal.hardwired_fire_release,
            fire_fitted=portal.fire is not None,
        )
        yield from (Finding(f"portals.{name}.{key}", value, advice) for key, value, advice in misfits_of_lock)
        if portal.fire is not None and not _can_hold_open(portal, parts):
            yield Finding(
                f"portals.{name}.fire",
                portal.fire.device,
                "no actuator here can be held open on fire (L4); name one whose driver does HoldOpen",
            )


def _can_hold_open(portal: Portal, parts: Parts) -> bool:
    doors = [door for door in (portal.ingress.actuator, portal.egress.actuator) if door is not None]
    known = [parts.drivers[door.device] for door in doors if door.device in parts.drivers]
    return len(known) < len(doors) or any(HoldOpen in driver.commands for driver in known)


def _somebody_without_a_face_gets_in(parts: Parts) -> Iterator[Finding]:
    """SAFETY.md item 21."""
    for name, portal in parts.portals.items():
        readers = [parts.devices[reader] for reader in portal.ingress.readers if reader in parts.devices]
        if len(readers) < len(portal.ingress.readers) or not readers:
            continue
        if not any(reader.credentials - {CredentialKind.FACE} for reader in readers):
            yield Finding(
                f"portals.{name}.ingress.readers",
                ", ".join(portal.ingress.readers),
                "nobody gets in here without a face; add a reader for cards or passes (item 21)",
            )


def _policies_fit(parts: Parts) -> Iterator[Finding]:
    for name in sorted(parts.policy_portals - parts.names["portals"]):
        yield Finding(f"policy.portals.{name}", None, _known("portal", parts.names["portals"]))
    for name, policy in parts.policies.items():
        portal = parts.portals.get(name)
        if portal is None:
            continue
        where = f"policy.portals.{name}" if name in parts.policy_portals else "policy.default"
        if name not in parts.degrade_given:
            yield Finding(
                f"{where}.degrade",
                None,
                f"say what portal {name!r} does when evidence is missing: admit_and_flag, cached_for, "
                "staff_check or closed (L7)",
            )
        yield from (
            Finding(f"{where}.{key}", value, advice)
            for key, value, advice in misfits(portal, policy, parts.devices)
        )


def misfits(
    portal: Portal, policy: PortalPolicy, devices: Mapping[str, Device]
) -> Iterator[tuple[str, str, str]]:
    """What no policy may say and what this portal cannot give: key, value, advice. For signed ones too."""
    yield from policy_misfits(policy)
    if policy.require_screening and not portal.ingress.thermometers:
        yield "require_screening", "true", f"{portal.name!r} has no thermometer; add ingress.thermometers"
    if policy.require_zone and portal.zone is None:
        yield "require_zone", "true", f"{portal.name!r} leads into no zone; leave this out"
    if policy.face is FaceRequirement.REQUIRED and not shows_faces(portal, devices):
        advice = "add ingress.cameras, or snapshots = true to a terminal that can"
        yield "face", FaceRequirement.REQUIRED, f"nothing at {portal.name!r} shows a face; {advice}"
    counted_out = bool(portal.egress.readers)
    if policy.anti_passback is AntiPassback.HARD and not counted_out:
        yield "anti_passback", "hard", f"{portal.name!r} has no egress reader, so nobody could come in twice"


def _thermometers_see_people(parts: Parts) -> Iterator[Finding]:
    devices = parts.names["devices"]
    malformed = parts.names["thermometers"] - set(parts.thermometers)
    found = thermometer_misfits(parts.thermometers, malformed, parts.portals, parts.drivers, devices)
    yield from (Finding(*misfit) for misfit in found)


def _scenes_see_nobody(parts: Parts) -> Iterator[Finding]:
    devices = parts.names["devices"]
    found = scene_misfits(
        parts.scenes, parts.thermometers, parts.portals, parts.zones, parts.drivers, devices
    )
    yield from (Finding(*misfit) for misfit in found)


def _zones_are_safe(parts: Parts) -> Iterator[Finding]:
    around = Around(parts.names["devices"], parts.drivers, parts.portals)
    each = ((name, misfit) for name, zone in parts.zones.items() for misfit in zone_misfits(zone, around))
    for name, misfit in (*each, *shared_units(parts.zones)):
        yield Finding(f"zones.{name}.{misfit.key}", misfit.value, misfit.advice)
    for name, portal in parts.portals.items():
        if portal.zone is not None and portal.zone not in parts.names["zones"]:
            yield Finding(f"portals.{name}.zone", portal.zone, _known("zone", parts.names["zones"]))


def _known(what: str, names: frozenset[str]) -> str:
    listed = ", ".join(sorted(names)) or "none"
    return f"no such {what}; known here: {listed}"


LINTS = (
    _links_known_and_fitting,
    _devices_known_and_able,
    _ways_exist,
    _one_portal_for_each_door,
    _inputs_mean_one_thing,
    _locks_let_people_out,
    _somebody_without_a_face_gets_in,
    _policies_fit,
    _thermometers_see_people,
    _scenes_see_nobody,
    _zones_are_safe,
)
