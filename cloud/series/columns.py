"""What is handed to DuckDB and taken from it: columns by name, which it reads where they lie."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cardea.contract.ranges import Ranges
from cloud.ingest.catalogue import Named
from cloud.ingest.group import LaneKey
from cloud.ingest.readings import Block


def of_named(first: int, named: Sequence[Named]) -> dict[str, Any]:
    """Numbers from ``first`` on, and what they name."""
    return {
        "number": np.arange(first, first + len(named), dtype=np.int32),
        "gateway": np.array([gateway for gateway, _ in named], dtype=object),
        "name": np.array([name for _, name in named], dtype=object),
    }


def of_block(block: Block) -> dict[str, Any]:
    """Readings."""
    return {"series": block.series, "t_ms": block.t_ms, "value": block.value}


def of_ranges(stored: Mapping[LaneKey, Ranges]) -> dict[str, Any]:
    """One row for each stored range."""
    spans = [(gateway, epoch, *span) for (gateway, _, epoch), ranges in stored.items() for span in ranges]
    return {
        "gateway": np.array([span[0] for span in spans], dtype=object),
        "epoch": np.array([span[1] for span in spans], dtype=object),
        "first": np.array([span[2] for span in spans], dtype=np.int64),
        "last": np.array([span[3] for span in spans], dtype=np.int64),
    }


def block_of(columns: Mapping[str, Any]) -> Block:
    """Readings that were read."""
    return Block(columns["series"], columns["t_ms"], columns["value"])
