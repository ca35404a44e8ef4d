"""Curves: options for ECharts, and a small picture in SVG for tiles. Pure.

Where nothing was measured for a while the line breaks: nobody must read a value off where there was none.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cloud.series.store import Point

GAP_S_MIN = 600.0
GAP_STRETCHES = 3.0
DECIMALS = 4
_LINE, _BAND, _WARN = "#1f6fb2", "rgba(31, 111, 178, .18)", "#b71c1c"
WIDTH, HEIGHT = 240.0, 56.0


def broken(points: Sequence[Point], stretch_s: float) -> list[Point | None]:
    """The points with ``None`` between two that lie too far apart to be joined."""
    gap = dt.timedelta(seconds=max(GAP_S_MIN, GAP_STRETCHES * stretch_s))
    found: list[Point | None] = []
    for before, point in zip([None, *points], points, strict=False):
        if before is not None and point.at - before.at > gap:
            found.append(None)
        found.append(point)
    return found


@dataclass(frozen=True, slots=True)
class Window:
    """What a curve shows: from when to when, in stretches of which length."""

    since: dt.datetime
    until: dt.datetime
    points_max: int

    @property
    def stretch_s(self) -> float:
        """The length of one stretch."""
        return (self.until - self.since).total_seconds() / self.points_max


def chart(
    points: Sequence[Point], window: Window, zone: dt.tzinfo, threshold: float | None = None
) -> dict[str, Any]:
    """A line of means in a band from the lowest to the highest, on the house's clock.

    ECharts knows the browser's time zone and UTC, so that moments go in as if ``zone`` were UTC.
    """
    pieces = broken(points, window.stretch_s)
    low = [_at(pieces, n, zone, "low") for n in range(len(pieces))]
    mean = [_at(pieces, n, zone, "mean") for n in range(len(pieces))]
    band = [
        [moment, None if piece is None else round(piece.high - piece.low, DECIMALS)]
        for (moment, _), piece in zip(mean, pieces, strict=True)
    ]
    common = {"type": "line", "showSymbol": len(points) < _FEW, "symbolSize": 4, "connectNulls": False}
    hidden = {**common, "showSymbol": False, "lineStyle": {"opacity": 0}, "stack": "band", "silent": True}
    return {
        "useUTC": True,
        "animation": False,
        "grid": {"left": 56, "right": 16, "top": 12, "bottom": 26},
        "xAxis": {"type": "time", "min": _ms(window.since, zone), "max": _ms(window.until, zone)},
        "yAxis": {"type": "value", "scale": True, "splitNumber": 4, **_reaching(points, threshold)},
        "tooltip": {"trigger": "axis", "order": "seriesDesc"},
        "series": [
            {**hidden, "name": "min", "data": low, "stackStrategy": "all", "tooltip": {"show": False}},
            {
                **hidden,
                "name": "max",
                "data": band,
                "stackStrategy": "all",
                "areaStyle": {"color": _BAND},
                "tooltip": {"show": False},
            },
            {
                **common,
                "name": "mean",
                "data": mean,
                "lineStyle": {"width": 2},
                "color": _LINE,
                "markLine": _mark_line(threshold),
            },
        ],
    }


def _mark_line(threshold: float | None) -> dict[str, Any]:
    if threshold is None:
        return {"data": []}
    style = {"color": _WARN, "type": "dashed", "width": 1.5}
    label = {"formatter": f"{threshold:g}", "position": "insideEndTop", "color": _WARN}
    data = [{"yAxis": threshold}]
    return {"silent": True, "symbol": "none", "lineStyle": style, "label": label, "data": data}


def _reaching(points: Sequence[Point], threshold: float | None) -> dict[str, float]:
    """ECharts leaves a line out that lies beyond the values."""
    if threshold is None or not points:
        return {}
    if threshold > max(point.high for point in points):
        return {"max": round(threshold + 0.5)}
    return {"min": round(threshold - 0.5)} if threshold < min(point.low for point in points) else {}


_FEW = 40
"""So few points are shown as dots, too: a single one makes no line."""


def _at(pieces: Sequence[Point | None], n: int, zone: dt.tzinfo, name: str) -> list[float | None]:
    piece = pieces[n]
    if piece is not None:
        return [_ms(piece.at, zone), round(getattr(piece, name), DECIMALS)]
    before, after = pieces[n - 1], pieces[n + 1]
    assert before is not None and after is not None, "a break lies between two points"  # noqa: PT018  # one condition
    return [(_ms(before.at, zone) + _ms(after.at, zone)) / 2, None]


def _ms(at: dt.datetime, zone: dt.tzinfo) -> float:
    return at.astimezone(zone).replace(tzinfo=dt.UTC).timestamp() * 1000.0


def sparkline(points: Sequence[Point], window: Window, threshold: float | None) -> str:
    """A curve as SVG, with a dashed line where the threshold lies; an empty picture without points."""
    values = [value for point in points for value in (point.low, point.high)]
    if not values:
        return _svg("")
    values += [] if threshold is None else [threshold]
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or 0.5
    low, high = low - room, high + room
    span_s = (window.until - window.since).total_seconds()

    def place(at: dt.datetime, value: float) -> str:
        x = (at - window.since).total_seconds() / span_s * WIDTH
        return f"{x:.1f},{(high - value) / (high - low) * HEIGHT:.1f}"

    pieces: list[str] = []
    for run in _runs(broken(points, window.stretch_s)):
        edge = [place(p.at, p.high) for p in run] + [place(p.at, p.low) for p in reversed(run)]
        line = [place(p.at, p.mean) for p in run]
        pieces.append(f'<polygon points="{" ".join(edge)}" fill="{_BAND}"/>')
        pieces.append(
            f'<polyline points="{" ".join([*line, line[-1]])}" fill="none" stroke="{_LINE}"'
            ' stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"'
            ' vector-effect="non-scaling-stroke"/>'
        )
    if threshold is not None:
        y = (high - threshold) / (high - low) * HEIGHT
        pieces.append(
            f'<line x1="0" x2="{WIDTH:g}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_WARN}" stroke-width="1.2"'
            ' stroke-dasharray="5 4" vector-effect="non-scaling-stroke"/>'
        )
    return _svg("".join(pieces))


def _svg(inside: str) -> str:
    box = f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none"'
    return f'<svg {box} height="{HEIGHT:g}" aria-hidden="true">{inside}</svg>'


def _runs(pieces: Sequence[Point | None]) -> list[list[Point]]:
    runs: list[list[Point]] = [[]]
    for piece in pieces:
        if piece is None:
            runs.append([])
        else:
            runs[-1].append(piece)
    return [run for run in runs if run]
