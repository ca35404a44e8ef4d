"""Thermal frames out of a camera's answers. Pure; garbage becomes a counted ``Reject``.

A pixel of 16 bits becomes a count by adding 32768, which the frame's scale undoes.
"""

import numpy as np

from cardea.contract.time import Instant
from drivers.api import CELSIUS, LinearScale, RawFrame, Reject, ThermalFrameCaptured, Unfit
from drivers.thermal.hikvision.declared import Declared, Unreadable
from drivers.thermal.hikvision.parts import Answer, answer_of
from drivers.thermal_camera.answers import sample_of
from drivers.thermal_fitness import TempRange, unfit_temperatures

CHANNEL = "answers"
"""Answers, each a message of its own."""
ANSWER_BYTES_MAX = 24 * 1024 * 1024
POSSIBLE = TempRange(-60.0, 1600.0)
"""What the widest of the cameras' ranges reaches."""
_HALF = 32768
_KELVIN = 273.15


def event_of(content: bytes, at: Instant) -> ThermalFrameCaptured | Reject:
    """What a whole answer says. Nothing of its pictures stays alive with the event."""
    try:
        answer = answer_of(content)
    except Unreadable as error:
        return Reject(at=at, reason=str(error), sample=sample_of(content))
    raw, scale = _pixels(answer), _scale(answer.declared)
    unfit = Unfit.FROZEN if answer.declared.frozen else unfit_temperatures(raw, scale, POSSIBLE)
    return ThermalFrameCaptured(at=at, raw=raw, scale=scale, unfit=unfit)


def _pixels(answer: Answer) -> RawFrame:
    shape = answer.declared.height, answer.declared.width
    if answer.declared.pixel_bytes == 4:
        return np.frombuffer(answer.matrix, "<f4").astype(np.float32).reshape(shape)
    return np.frombuffer(answer.matrix, "<u2").astype(np.uint16).reshape(shape) ^ np.uint16(_HALF)


def _scale(declared: Declared) -> LinearScale:
    if declared.pixel_bytes == 4:
        return CELSIUS
    gain_c = 1 / declared.scale
    return LinearScale(gain_c=gain_c, offset_c=declared.offset_k - _KELVIN - _HALF * gain_c)
