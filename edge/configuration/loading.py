"""Reading gateway.toml: shapes, driver settings, policy and lints, with all that is wrong said at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
from pydantic import BaseModel

from cardea.contract.policy import Policy, PortalPolicy
from cardea.runtime.config import ConfigInvalid, Problem, Settings, check, read_toml
from drivers.api import DeviceMisconfigured, DeviceSettings, Driver, LinkKind
from drivers.links.settings import LinkSettings
from edge.configuration import lint
from edge.configuration.settings import Device, GatewaySettings, Portal
from edge.thermal.settings import Thermometer
from edge.zone.settings import Zone

FIRST_POLICY_VERSION = 1

Find = Callable[[str], Driver[Any]]
Table = Mapping[str, object]
M = TypeVar("M", bound=BaseModel)


class _Link(Settings):
    """A link by itself, to learn its kind while other parts of the file are malformed."""

    link: LinkSettings


@dataclass(frozen=True, slots=True)
class FittedDevice:
    """A device as configured, with its driver and the settings that the driver's model has checked."""

    device: Device
    driver: Driver[Any]
    settings: DeviceSettings


@dataclass(frozen=True, slots=True)
class Configuration:
    """gateway.toml, checked."""

    settings: GatewaySettings
    devices: Mapping[str, FittedDevice]
    policy: Policy
    """The first policy, version 1."""


def load(path: Path, find: Find) -> Configuration:
    """The configuration in ``path``; ``find`` is the driver catalogue, ``drivers.catalog.find``.

    Raises:
        ConfigInvalid: everything that is wrong, each with its key and what would be right.
    """
    raw = read_toml(path)
    problems: list[Problem] = []
    settings = _taken(GatewaySettings, raw, path, "", problems)
    devices = _well_formed(Device, _table(raw, "devices"), path)
    drivers = _drivers(devices, find, path, problems)
    fitted = dict(_fitted(devices, drivers, path, problems))
    policies = _policies(raw, path, problems)
    parts = _parts(raw, path, devices, drivers, fitted, policies)
    problems += [Problem(str(path), f.key, f.value, f.advice) for f in lint.findings(parts)]
    if problems or settings is None:
        raise ConfigInvalid(problems)
    return Configuration(
        settings,
        fitted,
        Policy(
            target=settings.gateway.id,
            version=FIRST_POLICY_VERSION,
            default=policies.get("default", PortalPolicy()),
            portals={name: policies[f"portals.{name}"] for name in settings.policy.portals},
        ),
    )


def _parts(
    raw: Table,
    path: Path,
    devices: Mapping[str, Device],
    drivers: Mapping[str, Driver[Any]],
    fitted: Mapping[str, FittedDevice],
    policies: Mapping[str, PortalPolicy],
) -> lint.Parts:
    links = _well_formed(_Link, {name: {"link": link} for name, link in _table(raw, "links").items()}, path)
    sections = ("links", "devices", "portals", "thermometers", "zones")
    names = {section: frozenset(_table(raw, section)) for section in sections}
    own = frozenset(_table(_table(raw, "policy"), "portals"))
    key_of = {name: f"portals.{name}" if name in own else "default" for name in names["portals"]}
    said = dict(_policy_tables(raw))
    return lint.Parts(
        link_kinds={name: link.link.kind for name, link in links.items()},
        devices=devices,
        portals=_well_formed(Portal, _table(raw, "portals"), path),
        thermometers=_well_formed(Thermometer, _table(raw, "thermometers"), path),
        zones=_well_formed(Zone, _table(raw, "zones"), path),
        scenes=_names(raw.get("scenes")),
        drivers=drivers,
        needed_links={name: _needed_link(device) for name, device in fitted.items()},
        policies={name: policies[key] for name, key in key_of.items() if key in policies},
        degrade_given=frozenset(name for name, key in key_of.items() if "degrade" in said.get(key, {})),
        policy_portals=own,
        names=names,
    )


def _needed_link(fitted: FittedDevice) -> LinkKind | None:
    driver = fitted.driver
    return driver.link if driver.link_for is None else driver.link_for(fitted.settings)


def _drivers(
    devices: Mapping[str, Device], find: Find, path: Path, problems: list[Problem]
) -> dict[str, Driver[Any]]:
    found: dict[str, Driver[Any]] = {}
    for name, device in devices.items():
        try:
            found[name] = find(device.driver)
        except DeviceMisconfigured as error:
            problems.append(Problem(str(path), f"devices.{name}.driver", device.driver, str(error)))
    return found


def _fitted(
    devices: Mapping[str, Device], drivers: Mapping[str, Driver[Any]], path: Path, problems: list[Problem]
) -> Iterator[tuple[str, FittedDevice]]:
    for name, driver in drivers.items():
        device = devices[name]
        own = cast("type[DeviceSettings]", driver.settings)
        settings = _taken(own, device.settings, path, f"devices.{name}.settings", problems)
        if settings is not None:
            yield name, FittedDevice(device, driver, settings)


def _policies(raw: Table, path: Path, problems: list[Problem]) -> dict[str, PortalPolicy]:
    """Policies by their key below ``policy``; each key is converted by itself, so that all errors show."""
    whole: dict[str, PortalPolicy] = {}
    for key, table in _policy_tables(raw):
        faults = [fault for name, value in table.items() for fault in _policy_fault(key, name, value, path)]
        problems += faults
        if not faults:
            whole[key] = msgspec.convert(dict(table), PortalPolicy)
    return whole


def _policy_tables(raw: Table) -> Iterator[tuple[str, Table]]:
    policy = _table(raw, "policy")
    yield "default", _table(policy, "default")
    portals = _table(policy, "portals")
    yield from ((f"portals.{name}", _table(portals, name)) for name in portals)


def _policy_fault(key: str, name: str, value: object, path: Path) -> Iterator[Problem]:
    try:
        msgspec.convert({name: value}, PortalPolicy)
    except msgspec.ValidationError as error:
        advice = str(error).partition(" - at ")[0]
        if name not in PortalPolicy.__struct_fields__:
            advice = f"unknown key; known here: {', '.join(PortalPolicy.__struct_fields__)}"
        yield Problem(str(path), f"policy.{key}.{name}", repr(value)[:60], advice)


def _taken(model: type[M], data: Table, path: Path, at: str, problems: list[Problem]) -> M | None:
    try:
        return check(model, data, file=path, at=at)
    except ConfigInvalid as error:
        problems += error.problems
        return None


def _well_formed(model: type[M], tables: Table, path: Path) -> dict[str, M]:
    """The entries that are right in themselves; what is wrong with the others has been said already."""
    unsaid: list[Problem] = []
    taken = {name: _taken(model, _table(tables, name), path, name, unsaid) for name in tables}
    return {name: entry for name, entry in taken.items() if entry is not None}


def _names(value: object) -> tuple[str, ...]:
    """A list of names as it stands in the file; what in it is none has been reported already."""
    listed = cast("list[object]", value) if isinstance(value, list) else []
    return tuple(name for name in listed if isinstance(name, str))


def _table(tables: Table, key: str) -> Table:
    """The table under ``key``; empty where there is none, or something that is no table."""
    value = tables.get(key)
    return cast("Table", value) if isinstance(value, Mapping) else {}
