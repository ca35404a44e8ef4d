"""A thermal picture as PNG and SVG. Pure.

The grid goes into the PNG as it is: a byte a pixel, an index into a palette (PNG, colour type 3).
"""

import struct
import zlib
from base64 import b64encode
from html import escape
from itertools import pairwise

from cardea.contract.scenes import Mark, MarkKind, Scene, SceneReading
from cardea.runtime.i18n import Translator
from cardea.runtime.phrases import phrase
from cardea.runtime.screening_line import explain

_ANCHORS = (
    (0.0, (0, 0, 14)),
    (0.16, (42, 2, 110)),
    (0.36, (146, 10, 148)),
    (0.56, (221, 63, 70)),
    (0.74, (247, 143, 18)),
    (0.9, (255, 221, 70)),
    (1.0, (255, 253, 230)),
)
"""Iron: black over violet and orange to white, ever brighter, so that it reads in grey, too."""
VIEW_WIDTH = 640.0
_STROKES = {MarkKind.ROI: "#7ee0ff", MarkKind.REFERENCE: "#8dff9a", MarkKind.SPOT: "#ffffff"}


def _colour(at: float) -> tuple[int, int, int]:
    (start, before), (end, after) = next(pair for pair in pairwise(_ANCHORS) if at <= pair[1][0])
    share = (at - start) / (end - start)
    red, green, blue = (round(b + (a - b) * share) for b, a in zip(before, after, strict=True))
    return red, green, blue


PALETTE = tuple(_colour(n / 255.0) for n in range(256))
_PLTE = bytes(part for colour in PALETTE for part in colour)
GRADIENT = "linear-gradient(to right, {})".format(
    ", ".join("#{:02x}{:02x}{:02x}".format(*PALETTE[n]) for n in range(0, 256, 15))
)
"""The palette as a CSS background, coldest at the left."""


def png(width: int, height: int, grid: bytes) -> bytes:
    """An indexed picture; ``grid`` has ``width`` times ``height`` bytes."""
    rows = b"".join(b"\0" + grid[n * width : (n + 1) * width] for n in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", _PLTE), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def svg(say: Translator, scene: Scene) -> str:
    """The picture with its marks, what was measured in them, and what it means. Holds numbers and our own
    words only.
    """
    view_height = VIEW_WIDTH * scene.height / scene.width
    data = b64encode(png(scene.width, scene.height, scene.grid)).decode()
    measured = any(mark.kind is MarkKind.SPOT for mark in scene.marks)
    marks = "".join(_mark(say, mark, view_height, measured=measured) for mark in scene.marks)
    return (
        f'<svg viewBox="0 0 {VIEW_WIDTH:g} {view_height:g}" width="100%" role="img"'
        f' aria-label="{escape(say.text("Thermal picture"))}"><image href="data:image/png;base64,{data}"'
        f' width="{VIEW_WIDTH:g}" height="{view_height:g}" preserveAspectRatio="none"'
        f' style="image-rendering: pixelated"/>{marks}{_caption(line_of(say, scene), view_height)}</svg>'
    )


def line_of(say: Translator, scene: Scene) -> str:
    """What a position says first, or why it can say nothing; empty for things."""
    if scene.readings:
        return reading_line(say, scene.readings[0])
    return "" if scene.condition is None else say.text(phrase(scene.condition))


def reading_line(say: Translator, reading: SceneReading) -> str:
    """What was read of one person."""
    return explain(say, reading.state, reading.surface_temp_c, reading.terms, reading.reason)


def _mark(say: Translator, mark: Mark, view_height: float, *, measured: bool) -> str:
    left, top = mark.left * VIEW_WIDTH, mark.top * view_height
    width, height = mark.width * VIEW_WIDTH, mark.height * view_height
    stroke = _STROKES[mark.kind]
    line = f'fill="none" stroke="{stroke}" stroke-width="2.5"'
    shape = f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" {line}/>'
    if mark.kind is MarkKind.SPOT:
        across, down = left + width / 2, top + height / 2
        shape = f'<circle cx="{across:.1f}" cy="{down:.1f}" r="{max(width, height) / 2:.1f}" {line}/>'
    if mark.temp_c is None or (mark.kind is MarkKind.ROI and measured):
        return shape
    above = top > _TEXT_PX * 1.4
    baseline = top - 6 if above else top + height + _TEXT_PX
    return shape + (
        f'<text x="{left:.1f}" y="{min(baseline, view_height - 4):.1f}" fill="{stroke}" stroke="#000"'
        f' stroke-width="4" paint-order="stroke" font-size="{_TEXT_PX}" font-weight="600">'
        f"{say.temperature_c(mark.temp_c)}</text>"
    )


def _caption(line: str, view_height: float) -> str:
    if not line:
        return ""
    top = view_height - _CAPTION_PX
    return (
        f'<rect x="0" y="{top:.1f}" width="{VIEW_WIDTH:g}" height="{_CAPTION_PX}" fill="#000" opacity=".62"/>'
        f'<text class="caption" x="12" y="{view_height - 12:.1f}" fill="#fff" font-size="21">'
        f"{escape(line)}</text>"
    )


_TEXT_PX = 24
_CAPTION_PX = 38
