"""Logs: one event a line with key-values, JSON for machines and columns for people.

Everything ends here, also what libraries say through ``logging``. A belt against slips: a key that looks
like a secret is dropped with its value before anything is written.
"""

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from enum import StrEnum
from typing import Any, Protocol, TextIO, cast

import msgspec
import structlog
from structlog.typing import Processor

from cardea.runtime.clock import Clock

LIBRARY_LEVELS = {
    "": logging.WARNING,
    "aiomqtt": logging.ERROR,
    "apscheduler": logging.WARNING,
    "asyncio": logging.WARNING,
    "httpx": logging.WARNING,
    "mqtt": logging.ERROR,
    "nicegui": logging.WARNING,
    "pymodbus": logging.CRITICAL,
    "uvicorn": logging.WARNING,
    "uvicorn.access": logging.ERROR,
}
"""What libraries may say. Those whose troubles we catch and report once ourselves are kept quiet."""
DEPTH_MAX = 4
DROPPED = "(dropped)"
_SECRET = re.compile(
    r"passw|secret|token|authorization|cookie|private|api_?key|key_material|raw_credential|(^|_)pin(_|$)",
    re.IGNORECASE,
)

_FOR_THE_RENDERER = ("exc_info", "_record", "_from_structlog")

Event = MutableMapping[str, Any]


class Logger(Protocol):
    """What modules use of structlog. Event names are fixed words; everything else is a key-value."""

    def bind(self, **values: object) -> "Logger":
        """The same logger with more key-values on each line."""
        ...

    def debug(self, event: str, **values: object) -> None:
        """For a developer."""
        ...

    def info(self, event: str, **values: object) -> None:
        """Something normal happened."""
        ...

    def warning(self, event: str, **values: object) -> None:
        """Something that somebody should look at."""
        ...

    def error(self, event: str, **values: object) -> None:
        """Something that does not work."""
        ...

    def exception(self, event: str, **values: object) -> None:
        """Something that must not happen, with its traceback."""
        ...


class LogFormat(StrEnum):
    """How lines look."""

    JSON = "json"
    CONSOLE = "console"


def get_logger(part: str) -> Logger:
    """The logger of one part of the program; may be made before :func:`configure` is called."""
    return cast("Logger", structlog.get_logger(part=part))


def format_for(stream: TextIO) -> LogFormat:
    """Columns on a terminal, JSON anywhere else."""
    return LogFormat.CONSOLE if stream.isatty() else LogFormat.JSON


def configure(
    process: str,
    clock: Clock,
    *,
    level: int = logging.INFO,
    stream: TextIO | None = None,
    line_format: LogFormat | None = None,
) -> None:
    """Send all logs of this process to ``stream`` (standard error); each line names ``process``.

    A stream that cannot be written to (closed, full disk) loses lines and disturbs nothing else.
    """
    target = stream or sys.stderr
    unfailing = cast("TextIO", _Unfailing(target))
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _Stamp(process, clock),
        drop_secrets,
    ]
    last = _RENDER[line_format or format_for(target)]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(unfailing),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(unfailing)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _name_the_library],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, drop_secrets, *last],
        )
    )
    logging.captureWarnings(capture=True)
    logging.root.handlers[:] = [handler]
    for name, library_level in LIBRARY_LEVELS.items():
        library = logging.getLogger(name)
        library.setLevel(max(library_level, level))
        if name:
            library.handlers.clear()
            library.propagate = True


def drop_secrets(_logger: object, _method: str, event: Event) -> Event:
    """Replace the value of every key that looks like a secret, at any depth up to ``DEPTH_MAX``."""
    kept = {key: event.pop(key) for key in _FOR_THE_RENDERER if key in event}
    return {**cast("Event", _without_secrets(event, DEPTH_MAX)), **kept}


def _without_secrets(value: object, depth: int) -> object:
    if isinstance(value, Mapping):
        table = cast("Mapping[object, object]", value)
        if depth == 0:
            return DROPPED
        return {
            str(key): DROPPED if _SECRET.search(str(key)) else _without_secrets(inner, depth - 1)
            for key, inner in table.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        items = cast("Iterable[object]", value)
        return DROPPED if depth == 0 else [_without_secrets(inner, depth - 1) for inner in items]
    return value


class _Stamp:
    """Puts the handed-in clock's UTC and the process name on each line."""

    def __init__(self, process: str, clock: Clock) -> None:
        self._process = process
        self._clock = clock

    def __call__(self, _logger: object, _method: str, event: Event) -> Event:
        event["process"] = self._process
        event["at"] = self._clock.now().utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return event


class _Unfailing:
    """A stream whose failures stay its own: a full log disk must not keep a door shut."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


def _name_the_library(_logger: object, _method: str, event: Event) -> Event:
    record = cast("logging.LogRecord", event["_record"])
    event["part"] = record.name
    return event


def _as_json(_logger: object, _method: str, event: Event) -> str:
    ordered = {"at": event.pop("at"), "level": event.pop("level"), "event": event.pop("event"), **event}
    try:
        return _JSON.encode(ordered).decode()
    except (TypeError, ValueError, RecursionError):  # a value no JSON can hold, such as half a surrogate pair
        return _JSON.encode({key: ascii(value) for key, value in ordered.items()}).decode()


_JSON = msgspec.json.Encoder(enc_hook=str)
_COLUMNS = structlog.dev.ConsoleRenderer(
    timestamp_key="at", pad_event_to=28, exception_formatter=structlog.dev.plain_traceback
)
_RENDER: dict[LogFormat, list[Processor]] = {
    LogFormat.JSON: [structlog.processors.format_exc_info, _as_json],
    LogFormat.CONSOLE: [_COLUMNS],
}
