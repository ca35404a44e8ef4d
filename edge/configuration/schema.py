"""JSON Schema of gateway.toml, with the policy's schema and that of every driver's settings in it."""

from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import BaseModel

from cardea.contract.policy import PortalPolicy
from edge.configuration.settings import GatewaySettings

_REF = "#/$defs/{name}"


def gateway_schema(driver_settings: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """The schema (draft 2020-12); ``driver_settings`` maps a driver's name to the model of its settings."""
    schema = GatewaySettings.model_json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    (policy,), policy_parts = msgspec.json.schema_components((PortalPolicy,), ref_template=_REF)
    definitions |= policy_parts
    table = definitions["PolicyTable"]["properties"]
    table["default"] |= policy
    table["portals"]["additionalProperties"] = policy
    for model in driver_settings.values():
        own = model.model_json_schema(ref_template="#/$defs/{model}")
        definitions |= own.pop("$defs", {})
        definitions[model.__name__] = own
    definitions["Device"]["allOf"] = [
        {
            "if": {"properties": {"driver": {"const": name}}},
            "then": {"properties": {"settings": {"$ref": f"#/$defs/{model.__name__}"}}},
        }
        for name, model in sorted(driver_settings.items())
    ]
    return schema
