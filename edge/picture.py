"""The whole gateway at one moment, for ``cardea edge status``: nothing in it is personal."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from edge.health import rss_mb
from edge.hosting import Host
from edge.recorder import Recorder
from edge.storage import Stores
from edge.supervisor import Supervisor


class Pictured(Protocol):
    """A part of a gateway that tells of itself."""

    def picture(self) -> Mapping[str, Any]:
        """What it is and does, in values that JSON has."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What of a gateway is in its picture."""

    gateway: str
    host: Host
    stores: Stores
    recorder: Recorder
    supervisor: Supervisor
    faces: Pictured
    thermal: Pictured | None
    positions: Pictured
    portals: Mapping[str, Pictured]
    zones: Mapping[str, Pictured]


def picture_of(parts: Parts) -> Mapping[str, Any]:
    """The whole, by part."""
    now, stores = parts.host.clock.now(), parts.stores
    vault = stores.desk.vault
    return {
        "gateway": parts.gateway,
        "at": now.utc.isoformat(),
        "clock": now.quality.value,
        "pid": os.getpid(),
        "version": parts.host.version,
        "policy_version": stores.policy.version,
        "uplink": stores.uplink is not None and stores.uplink.online,
        "stores": _stores(stores, parts.recorder),
        "people": vault.people if vault else None,
        "rss_mb": round(rss_mb(), 1),
        "devices": {name: session.picture(now.mono_s) for name, session in parts.supervisor.sessions.items()},
        "sight": parts.faces.picture(),
        "thermometers": {} if parts.thermal is None else parts.thermal.picture(),
        "positions": parts.positions.picture(),
        "portals": {name: portal.picture() for name, portal in parts.portals.items()},
        "zones": {name: zone.picture() for name, zone in parts.zones.items()},
    }


def _stores(stores: Stores, recorder: Recorder) -> Mapping[str, Any]:
    outbox = stores.outbox
    return {
        "outbox": outbox is not None,
        "vault": stores.desk.vault is not None,
        "stalled": recorder.stalled,
        "full": recorder.full,
        "following": recorder.following,
        "lost": recorder.lost,
        "commit_ms": round(recorder.commit_s * 1000, 2),
        "pending": {} if outbox is None else {lane.value: rows for lane, rows in outbox.pending.items()},
    }
