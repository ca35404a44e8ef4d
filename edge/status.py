"""Reading the picture that a running gateway leaves in its data folder."""

import json
from pathlib import Path
from typing import Any, cast

from edge.health import STATUS_FILE

STATUS_BYTES_MAX = 4 * 1024 * 1024


class NotRunning(Exception):
    """There is no picture, or an old one; one line saying so."""


def read_status(data_dir: Path) -> dict[str, Any]:
    """The latest picture (``edge.gateway.Gateway.picture``).

    Raises:
        NotRunning: no gateway runs on this data folder, or it has stopped writing.
    """
    path = data_dir / STATUS_FILE
    try:
        text = path.read_text()[:STATUS_BYTES_MAX]
        picture = cast("dict[str, Any]", json.loads(text))
        pid = int(picture["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        raise NotRunning(f"no gateway runs on {data_dir}; start it with: cardea edge run") from None
    if not Path(f"/proc/{pid}").exists():
        raise NotRunning(
            f"the gateway on {data_dir} (process {pid}) has died; its last word: {picture['at']}"
        )
    return picture


def as_text(picture: dict[str, Any]) -> str:
    """The picture for a person at a terminal."""
    stores = picture["stores"]
    lines = [
        f"{picture['gateway']}  {picture['at']}  clock {picture['clock']}",
        f"  policy {picture['policy_version']}  broker {_yes(picture['uplink'])}  rss {picture['rss_mb']} MB",
        f"  outbox {_yes(stores['outbox'])}  pending {stores['pending']}  commit {stores['commit_ms']} ms",
        f"  vault {_yes(stores['vault'])}  people {picture['people']}",
        *_faces(picture["sight"]),
        *(
            f"  device {name:<16} {device['state']:<14} {device['driver']:<22} rejects {device['rejects']}"
            for name, device in picture["devices"].items()
        ),
        *(
            f"  portal {name:<16} {portal['phase']:<14} lockdown {portal['lockdown']}  fire {portal['fire']}"
            for name, portal in picture["portals"].items()
        ),
        *(
            f"  zone   {name:<16} {zone['state']:<14} not in order: {', '.join(zone['not_ok']) or 'nothing'}"
            for name, zone in picture["zones"].items()
        ),
    ]
    return "\n".join(lines)


def _faces(sight: dict[str, Any]) -> list[str]:
    """How the gateway's own look at faces stands, where it has one."""
    looks = ((sight["faces"], sight["reason"]), (sight["face_check"], sight["face_check_reason"]))
    if not any(look or reason for look, reason in looks):
        return []
    counted, compared = (f"{_yes(look)} ({reason})" if reason else _yes(look) for look, reason in looks)
    return [f"  faces  counted {counted}  compared {compared}  enrolled {sight['enrolled']}"]


def _yes(value: object) -> str:
    return "up" if value else "down"
