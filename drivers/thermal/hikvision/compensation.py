"""Whether a camera adds to what it measures so that it reads like a body's temperature. Pure.

Source: ``/ISAPI/Thermal/channels/<ID>/bodyTemperatureCompensation``: a ``type``, auto or manual, and for each
a block with ``temperatureCompensation``, ``smartCorrection`` and ``compensationValue``; newer firmware has an
``enabled`` above them.
"""

from collections.abc import Mapping

from drivers.thermal.hikvision.documents import Document, name_of

_BLOCKS = {"auto": "AutoParam", "manual": "ManualParam"}
_FLAGS: Mapping[str, str] = {"enabled": "false", "temperatureCompensation": "false"}
_CORRECTION: Mapping[str, str] = {**_FLAGS, "smartCorrection": "0.0"}
OFF: tuple[Mapping[str, str], ...] = (_FLAGS, _CORRECTION, {**_CORRECTION, "compensationValue": "0.0"})
"""What switches it off: first this, and where that is not enough the next."""


def compensates(document: Document) -> bool:
    """Whether surfaces may read as something else. What a camera leaves open counts against it."""
    enabled = document.flag(name_of(document.root), "enabled")
    if enabled is not None:
        return enabled
    block = _BLOCKS.get(document.word("type").lower())
    if block is None:
        return True
    switched_on = document.flag(block, "temperatureCompensation")
    added = ["smartCorrection"] if switched_on is False else ["smartCorrection", "compensationValue"]
    return bool(switched_on) or any(document.number(block, name) not in {None, 0.0} for name in added)
