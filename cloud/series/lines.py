"""Readings in InfluxDB's line protocol: one line for each device and moment, its metrics as fields.

``cardea,gateway=tower-1,device=gate-1 surface_temp_c=36.5,ambient_temp_c=22.0 1763884800000``: measurement
``cardea``, tags ``gateway`` and ``device``, one field for each metric, milliseconds. VictoriaMetrics calls
the same ``cardea_surface_temp_c{gateway="tower-1",device="gate-1"}``. A store may answer 204 to a line that
it then skips (VictoriaMetrics does), so nothing is written that is not plain line protocol.

Source: InfluxDB 2 documentation, "Line protocol": "Special characters", "Data types and format".
"""

from dataclasses import dataclass
from operator import add

import numpy as np

from cloud.ingest.catalogue import Catalogue, Named
from cloud.ingest.columns import Numbers, Times, Values
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
        return self._lines(heads, series, t_ms, value, refused)

    def _lines(self, heads: Numbers, series: Numbers, t_ms: Times, value: Values, refused: Block) -> Encoded:
        if not len(series):
            return Encoded((), (), refused)
        new_line = (heads[1:] != heads[:-1]) | (t_ms[1:] != t_ms[:-1])
        starts = np.flatnonzero(np.concatenate(([True], new_line)))
        numbers, texts = _texts(value)
        names = map(self._fields.__getitem__, series.tolist())
        cells = list(map(add, names, map(texts.__getitem__, numbers)))
        ends = [*starts[1:].tolist(), len(cells)]
        lines = tuple(
            f"{head}{','.join(cells[start:end])} {moment}"
            for head, moment, start, end in zip(
                map(self._heads.__getitem__, heads[starts].tolist()),
                t_ms[starts].tolist(),
                starts.tolist(),
                ends,
                strict=True,
            )
        )
        return Encoded(lines, tuple(series[starts].tolist()), refused)

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


def _texts(value: Values) -> tuple[list[int], list[str]]:
    """Each value's number and the texts by number: sensors repeat themselves, and writing a float is dear."""
    distinct, numbers = np.unique(value, return_inverse=True)
    return numbers.tolist(), list(map(repr, distinct.tolist()))
