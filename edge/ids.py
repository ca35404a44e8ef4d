"""Ids of records. What a device numbers keeps its id however often and by whichever way it is delivered."""

import hashlib

from cardea.runtime.clock import Entropy
from drivers.api import Observed


def record_id(gateway: str, device: str, event: Observed, entropy: Entropy) -> str:
    """32 hex digits: derived from the device's own number and time of the event, else fresh.

    The time is part of it because devices begin to count anew after a reset.
    """
    if event.cursor is None:
        return entropy.new_id()
    when = event.device_utc.isoformat(timespec="seconds") if event.device_utc else ""
    name = f"{gateway}/{device}/{event.cursor}/{when}"
    return hashlib.sha256(name.encode()).hexdigest()[:32]
