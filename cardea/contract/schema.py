"""JSON Schema of the wire, one file per type: ``python -m cardea.contract.schema configs/schema/v1``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from cardea.contract.batches import Ack, RowBatch, TelemetryBatch
from cardea.contract.orders import Order, Presence, Receipt, Statuses
from cardea.contract.policy import Policy
from cardea.contract.records import Alert, Reading, Record
from cardea.contract.scenes import Scene
from cardea.contract.signed import Envelope

VERSION = "v1"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

WIRE_TYPES: dict[str, object] = {
    "ack": Ack,
    "alert": Alert,
    "envelope": Envelope,
    "order": Order,
    "policy": Policy,
    "presence": Presence,
    "reading": Reading,
    "receipt": Receipt,
    "record": Record,
    "row-batch": RowBatch,
    "scene": Scene,
    "statuses": Statuses,
    "telemetry-batch": TelemetryBatch,
}
"""Everything that travels, by the name of its schema."""


def schema(name: str) -> dict[str, Any]:
    """The schema of one wire type, complete in itself."""
    (root,), parts = msgspec.json.schema_components((WIRE_TYPES[name],), ref_template="#/$defs/{name}")
    return {"$schema": DIALECT, "$id": f"urn:cardea:{VERSION}:{name}", **root, "$defs": parts}


def schema_text(name: str) -> str:
    """The schema as it stands in its file."""
    return (
        msgspec.json.format(msgspec.json.encode(schema(name), order="deterministic"), indent=2).decode()
        + "\n"
    )


def main(arguments: Sequence[str]) -> int:
    """Write all schemas into the folder that is named; returns the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m cardea.contract.schema FOLDER\n")
        return 2
    folder = Path(arguments[0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in WIRE_TYPES:
            (folder / f"{name}.json").write_text(schema_text(name), encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"{folder}: cannot be written: {error.strerror}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
