"""The logs of all processes as one readable stream."""

import datetime as dt
import sys
from collections.abc import Mapping
from typing import TextIO, cast

import msgspec

_NOT_SHOWN = frozenset({"at", "level", "event", "process", "part"})
_MARK = {"warning": "!", "error": "✗", "critical": "✗"}
_COLOUR = {"broker": 35, "sim": 36, "cloud": 34, "gateway": 32, "tower": 33}
_CONTROLS = {10: "\\n", **{code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}}
"""What devices and strangers say must not steer the terminal on which it is read."""
VALUE_CHARACTERS_MAX = 160


class MergedLog:
    """Writes ``time process event key=value …``; lines that are no log events pass as they are."""

    def __init__(self, stream: TextIO, zone: dt.tzinfo | None = None) -> None:
        self._stream = stream
        self._zone = zone
        self._coloured = stream.isatty()

    def __call__(self, process: str, line: str) -> None:
        """One line of a process's output, written at once."""
        event = _event(line)
        text = line if event is None else self._render(event)
        name = f"{process:<8}"
        if self._coloured:
            name = f"\033[{_COLOUR.get(process, 0)}m{name}\033[0m"
        try:
            self._stream.write(f"{name} {text.translate(_CONTROLS)}\n")
            self._stream.flush()
        except (OSError, ValueError):
            sys.stderr = None  # nobody reads us any more; the tower runs on

    def _render(self, event: Mapping[str, object]) -> str:
        mark = _MARK.get(str(event.get("level")), " ")
        values = " ".join(f"{key}={_short(value)}" for key, value in event.items() if key not in _NOT_SHOWN)
        return f"{self._time(event.get('at'))} {mark} {event.get('event')} {values}".rstrip()

    def _time(self, at: object) -> str:
        try:
            moment = dt.datetime.fromisoformat(str(at))
            return moment.astimezone(self._zone).strftime("%H:%M:%S")
        except (ValueError, OverflowError):
            return "--:--:--"


def _event(line: str) -> Mapping[str, object] | None:
    if not line.startswith("{"):
        return None
    try:
        decoded = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return cast("Mapping[str, object]", decoded) if isinstance(decoded, dict) and "event" in decoded else None


def _short(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= VALUE_CHARACTERS_MAX else f"{text[:VALUE_CHARACTERS_MAX]}…"
