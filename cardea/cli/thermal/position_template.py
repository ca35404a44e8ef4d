"""An empty POSITION.toml: every key with its meaning, none with a value."""

import datetime as dt
from collections.abc import Iterator, Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edge.thermal.position_settings import BudgetTerms, CameraFacts, PositionFacts, ReferenceFacts, SiteFacts

HEAD = """\
# A camera position for: cardea thermal selftest POSITION.toml
# Take the # away before each key whose value you know, and put yours in place of the example. What you leave
# out is not known, and its clause is not met.
"""


TABLES: Mapping[str, type[BaseModel]] = {
    "camera": CameraFacts,
    "reference": ReferenceFacts,
    "uncertainty": BudgetTerms,
    "site": SiteFacts,
}


def template() -> str:
    """TOML."""
    return "\n".join([HEAD, *_lines()])


def _lines() -> Iterator[str]:
    for name, table in TABLES.items():
        yield f"# {PositionFacts.model_fields[name].description}"
        yield f"[{name}]"
        for key, entry in table.model_fields.items():
            yield f"# {entry.description}"
            yield f"#{key} = {_example(entry)}"
        yield ""


def _example(field: FieldInfo) -> str:
    value = field.examples[0] if field.examples else field.default
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case dt.date():
            return value.isoformat()
        case _:
            return f"{value:g}"
