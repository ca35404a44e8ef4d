"""Readings in InfluxDB's line protocol: one line for each device and moment, its metrics as fields.

``cardea,gateway=tower-1,device=gate-1 surface_temp_c=36.5,ambient_temp_c=22.0 1763884800000``: measurement
``cardea``, tags ``gateway`` and ``device``, one field for each metric, milliseconds. VictoriaMetrics calls
the same ``cardea_surface_temp_c{gateway="tower-1",device="gate-1"}``. A store may answer 204 to a line that
it then skips (VictoriaMetrics does), so nothing is written that is not plain line protocol.

Source: InfluxDB 2 documentation, "Line protocol": "Special characters", "Data types and format".
"""

from dataclasses import dataclass

import numpy as np

from cloud.ingest.catalogue import Catalogue, Named
from cloud.ingest.readings import Block

MEASUREMENT = "cardea"
_SPECIAL = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


class NotALine(ValueError):
    """This series cannot be named in line protocol."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a series' values go: the line's head, and the field's name with ``=``."""

    head: str
    field: str


def place_of(named: Named) -> Place:
    """The head and field of a series.

    Raises:
        NotALine: an empty metric, a backslash, which no two stores read alike, or a line that would break.
    """
    gateway, name = named
    device, _, metric = name.rpartition("/")
    if not metric or "\\" in name or not name.isprintable():
        raise NotALine(f"{name!r}: no device/metric that line protocol can name")
    tags = f"gateway={gateway.translate(_SPECIAL)}"
    if device:
        tags += f",device={device.translate(_SPECIAL)}"
    return Place(f"{MEASUREMENT},{tags} ", f"{metric.translate(_SPECIAL)}=")


@dataclass(frozen=True, slots=True)
class Encoded:
    """Lines without their ends, the series number of each one's first field, and readings left out."""

    lines: tuple[str, ...]
    series: tuple[int, ...]
    refused: Block


class LineEncoder:
    """Knows the place of every series of a catalogue once it has met it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._fields: list[str] = []
        self._heads: list[str] = []
        self._head_numbers: dict[str, int] = {}
        self._head_of = np.empty(0, np.int32)
        """By series: the number of its head; −1 where line protocol cannot name it."""

    def encode(self, block: Block) -> Encoded:
        """Lines sorted by device and time. Of two values of one series and moment the later row counts."""
        self._learn()
        heads = self._head_of[block.series]
        good = (heads >= 0) & np.isfinite(block.value)
        refused = Block(block.series[~good], block.t_ms[~good], block.value[~good])
        heads, series = heads[good], block.series[good]
        t_ms, value = block.t_ms[good], block.value[good]
        order = np.lexsort((series, t_ms, heads))
        heads, series, t_ms, value = heads[order], series[order], t_ms[order], value[order]
        same_line = (heads[1:] == heads[:-1]) & (t_ms[1:] == t_ms[:-1])
        if len(series):
            last = np.append(~(same_line & (series[1:] == series[:-1])), True)  # an array's element
            heads, series, t_ms, value = heads[last], series[last], t_ms[last], value[last]
        return self._lines(heads.tolist(), series.tolist(), t_ms.tolist(), value.tolist(), refused)

    def _lines(
        self, heads: list[int], series: list[int], t_ms: list[int], value: list[float], refused: Block
    ) -> Encoded:
        fields = self._fields
        cells = [fields[number] + text for number, text in zip(series, map(repr, value), strict=True)]
        lines: list[str] = []
        firsts: list[int] = []
        start, count = 0, len(cells)
        while start < count:
            head, moment = heads[start], t_ms[start]
            end = start + 1
            while end < count and t_ms[end] == moment and heads[end] == head:
                end += 1
            lines.append(f"{self._heads[head]}{','.join(cells[start:end])} {moment}")
            firsts.append(series[start])
            start = end
        return Encoded(tuple(lines), tuple(firsts), refused)

    def _learn(self) -> None:
        new = self._catalogue.since(len(self._fields))
        if not new:
            return
        numbers: list[int] = []
        for named in new:
            try:
                place = place_of(named)
            except NotALine:
                self._fields.append("")
                numbers.append(-1)
                continue
            self._fields.append(place.field)
            number = self._head_numbers.setdefault(place.head, len(self._heads))
            if number == len(self._heads):
                self._heads.append(place.head)
            numbers.append(number)
        self._head_of = np.append(self._head_of, np.array(numbers, np.int32))
