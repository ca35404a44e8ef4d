"""The tables of the configuration guide are the settings' own: `python tests/unit/docs/test_configuration.py`
writes them anew."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel

from cardea.cli.tower.broker import Broker as BrokerTable
from cardea.contract.policy import PortalPolicy
from cloud import settings as cloud
from drivers import catalog
from drivers.links.http_listener import HttpListenerSettings
from drivers.links.settings import (
    I2cSettings,
    ModbusRtuSettings,
    ModbusTcpSettings,
    SerialSettings,
    TcpSettings,
    UdpSettings,
    VideoSettings,
)
from edge.configuration import settings as edge
from edge.thermal import position_settings as position
from edge.thermal import settings as thermometer
from edge.thermal.registration_settings import Registration
from edge.zone import settings as zone

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "configuration.md"
TABLES: Mapping[str, type[BaseModel]] = {
    "gateway": edge.Gateway,
    "broker": edge.Broker,
    "trust": edge.Trust,
    "links.http_listener": HttpListenerSettings,
    "links.tcp": TcpSettings,
    "links.serial": SerialSettings,
    "links.modbus_tcp": ModbusTcpSettings,
    "links.modbus_rtu": ModbusRtuSettings,
    "links.video": VideoSettings,
    "links.udp": UdpSettings,
    "links.i2c": I2cSettings,
    "devices": edge.Device,
    "portals": edge.Portal,
    "faces": edge.Faces,
    "portals.ingress": edge.Ingress,
    "portals.egress": edge.Egress,
    "portals.screening": edge.Screening,
    "door": edge.DoorRef,
    "channel": edge.ChannelRef,
    "thermometers": thermometer.Thermometer,
    "thermometers.roi": thermometer.Region,
    "thermometers.references": thermometer.Reference,
    "thermometers.conditions": thermometer.ConditionsOverride,
    "thermometers.screening_watch": thermometer.ScreeningWatchSettings,
    "thermometers.registration": Registration,
    "thermometers.position": position.PositionFacts,
    "thermometers.position.camera": position.CameraFacts,
    "thermometers.position.reference": position.ReferenceFacts,
    "thermometers.position.uncertainty": position.BudgetTerms,
    "thermometers.position.site": position.SiteFacts,
    "zones": zone.Zone,
    "zones.occupancy": zone.Occupancy,
    "zones.gas": zone.GasSensor,
    "zones.commissioning": zone.Commissioning,
    "cloud": cloud.Cloud,
    "cloud.broker": cloud.Broker,
    "cloud.ledger": cloud.LedgerSettings,
    "cloud.series.embedded": cloud.EmbeddedSeries,
    "cloud.series.line_protocol": cloud.LineProtocolSeries,
    "cloud.console": cloud.Console,
    "cloud.clones": cloud.Clones,
    "cloud.keys": cloud.Keys,
    "cloud.organisations": cloud.Organisation,
    "cloud.sites": cloud.Site,
    "cloud.gateways": cloud.Gateway,
    "broker.toml": BrokerTable,
}
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
HEAD = ["| key | default | meaning |", "|---|---|---|"]


def table(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    required = set(schema.get("required", ()))
    rows = [
        row(name, "required" if name in required else shown(field.get("default")), meaning(schema, field))
        for name, field in schema["properties"].items()
    ]
    return "\n".join([*HEAD, *rows])


def row(key: str, default: str, words: str) -> str:
    return f"| `{key}` | {default} | {words} |"


def shown(default: object) -> str:
    """A plain value as TOML has it; nothing for what is empty or a table of its own."""
    return "–" if default in (None, "") or isinstance(default, list | dict) else f"`{json.dumps(default)}`"


def meaning(schema: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    words = [str(field.get("description", "")).strip()]
    for option in field.get("anyOf", [field]):
        known = schema.get("$defs", {}).get(str(option.get("$ref", "")).rpartition("/")[2], option)
        bounds = [f"{sign} {option[key]:.10g}" for key, sign in _BOUNDS.items() if key in option]
        constant = [known["const"]] if "const" in known else []
        choices = [f"`{choice}`" for choice in [*known.get("enum", ()), *constant]]
        words += [", ".join(bounds), ", ".join(choices)]
    return "; ".join(word for word in words if word).replace("|", "\\|")


def policy_table() -> str:
    encoded = msgspec.to_builtins(PortalPolicy())
    ((schema,), known) = msgspec.json.schema_components((PortalPolicy,))
    properties = known[schema["$ref"].rpartition("/")[2]]["properties"]
    rows = [row(name, shown(value), bounded(known, properties[name])) for name, value in encoded.items()]
    return "\n".join(["| key | default | allowed |", "|---|---|---|", *rows])


def bounded(known: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    root = {"$defs": known}
    return (
        meaning(root, {key: value for key, value in field.items() if key != "description"}) or "true, false"
    )


def rewritten(text: str) -> str:
    """``text`` with each table anew between ``<!-- table: name -->`` and ``<!-- end -->``."""
    return "".join(_pieces(text))


def _pieces(text: str) -> Iterator[str]:
    head, *marked = text.split("<!-- table: ")
    yield head
    for piece in marked:
        name, _, rest = piece.partition(" -->\n")
        _, _, tail = rest.partition("<!-- end -->")
        yield f"<!-- table: {name} -->\n{written(name)}\n<!-- end -->{tail}"


def written(name: str) -> str:
    if name == "policy":
        return policy_table()
    if name.startswith("driver "):
        return table(catalog.find(name.removeprefix("driver ")).settings)
    return table(TABLES[name])


def test_the_tables_are_those_of_the_settings():
    text = GUIDE.read_text(encoding="utf-8")
    assert rewritten(text) == text, "run: python tests/unit/docs/test_configuration.py"


def test_every_table_and_every_driver_is_in_the_guide():
    text = GUIDE.read_text(encoding="utf-8")
    for name in (*TABLES, "policy", *(f"driver {driver}" for driver in catalog.names())):
        assert f"<!-- table: {name} -->" in text, name


def test_every_key_of_the_files_has_a_table():
    """A table that is new in the settings must not be forgotten here."""
    described = {model.__name__ for model in TABLES.values()}
    for whole in (edge.GatewaySettings, cloud.CloudSettings):
        definitions = {
            name
            for name, schema in whole.model_json_schema()["$defs"].items()
            if schema.get("type") == "object" and "properties" in schema
        }
        assert definitions - described <= {"PolicyTable"}


def test_every_row_says_what_the_key_means():
    for line in GUIDE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            assert line.split("|")[3].strip(), line


if __name__ == "__main__":
    GUIDE.write_text(rewritten(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
