"""What would be right: pydantic's findings about a configuration in words for the person who wrote it."""

import difflib
from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import BaseModel
from pydantic_core import ErrorDetails

Schema = Mapping[str, object]
_VALUE_ERROR = "Value error, "
_PYDANTIC_WORDS = {"Input should be": "must be", "dictionary": "table", "Field required": "is required"}
_TAG_ERRORS = ("union_tag_invalid", "union_tag_not_found")


def dotted_key(data: object, detail: ErrorDetails) -> str:
    """The key as it stands in the file, without the marks that pydantic adds for union members."""
    *inner, last = detail["loc"] or ("",)
    names: list[str] = []
    at = data
    for part in inner:
        found, at = _step(at, part)
        if found:
            names.append(str(part))
    if detail["type"] == "missing" or _step(at, last)[0]:
        names.append(str(last))
    if detail["type"] in _TAG_ERRORS:
        names.append(_discriminator(detail))
    return ".".join(name for name in names if name)


def advice_on(model: type[BaseModel], detail: ErrorDetails) -> str:
    """One clause saying what would be right."""
    if detail["type"] == "extra_forbidden":
        return _about_unknown(_schema_at(model, detail["loc"][:-1]), str(detail["loc"][-1]))
    if detail["type"] == "union_tag_invalid":
        return f"must be one of {detail.get('ctx', {}).get('expected_tags', '')}"
    if detail["type"] == "union_tag_not_found":
        return "is required"
    message = detail["msg"].removeprefix(_VALUE_ERROR)
    for theirs, ours in _PYDANTIC_WORDS.items():
        message = message.replace(theirs, ours)
    described = _schema_at(model, detail["loc"]).get("description")
    return f"{message} ({_first_sentence(described)})" if isinstance(described, str) else message


def _about_unknown(table: Schema, name: str) -> str:
    known = sorted(_mapping(table.get("properties")))
    if not known:
        return "unknown key; nothing may stand here"
    near = difflib.get_close_matches(name, known, 1)
    meant = f"unknown key, {near[0]!r} may be meant" if near else "unknown key"
    return f"{meant}; known here: {', '.join(known)}"


def _step(at: object, part: str | int) -> tuple[bool, object]:
    if isinstance(at, dict):
        table = cast("dict[str | int, object]", at)
        return part in table, table.get(part, table)
    if isinstance(at, list) and isinstance(part, int):
        items = cast("list[object]", at)
        return True, items[part]
    return False, cast("object", at)


def _discriminator(detail: ErrorDetails) -> str:
    return str(detail.get("ctx", {}).get("discriminator", "")).strip("'")


def _schema_at(model: type[BaseModel], loc: Sequence[str | int]) -> Schema:
    """The JSON Schema of the value at ``loc``; empty where the path cannot be followed."""
    root = cast("Schema", model.model_json_schema())
    here = root
    for part in loc:
        here = _child(root, here, part)
    return _resolved(root, here)


def _child(root: Schema, schema: Schema, part: str | int) -> Schema:
    table = _resolved(root, schema)
    tags = _mapping(_mapping(table.get("discriminator")).get("mapping"))
    if part in tags:
        return {"$ref": tags[str(part)]}
    properties = _mapping(table.get("properties"))
    if part in properties:
        return _mapping(properties[str(part)])
    inner = table.get("items") if isinstance(part, int) else table.get("additionalProperties")
    return _mapping(inner)


def _resolved(root: Schema, schema: Schema) -> Schema:
    """Follow a reference and look through ``X | None``; a description beside the reference wins."""
    options = cast("Sequence[Schema]", schema.get("anyOf") or ())
    some = [option for option in options if option.get("type") != "null"]
    target = some[0] if len(some) == 1 else schema
    reference = target.get("$ref")
    if isinstance(reference, str):
        definitions = _mapping(root.get("$defs"))
        target = _mapping(definitions.get(reference.removeprefix("#/$defs/")))
    beside = schema.get("description")
    return {**target, "description": beside} if beside else target


def _mapping(value: object) -> Schema:
    return cast("Schema", value) if isinstance(value, Mapping) else {}


def _first_sentence(text: str) -> str:
    return text.partition("\n")[0].partition(". ")[0].rstrip(".")
