"""Logs: one line an event, no secrets, no failures of their own, libraries included."""

import datetime as dt
import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from cardea.contract.time import ClockQuality, Instant
from cardea.runtime import logs
from cardea.runtime.logs import LogFormat, configure, get_logger


class FixedClock:
    def now(self) -> Instant:
        return Instant(5.0, dt.datetime(2024, 2, 3, 4, 5, 6, 7000, dt.UTC), ClockQuality.SYNCHRONISED)

    def monotonic_s(self) -> float:
        return 5.0

    async def sleep(self, delay_s: float) -> None:
        raise AssertionError("logs never wait")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.captureWarnings(capture=False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_names_time_level_event_process_and_part(stream: io.StringIO) -> None:
    logger = get_logger("portal")
    configure("edge", FixedClock(), stream=stream)
    logger.bind(portal="lobby-a").info("passage_decided", outcome="grant", age_s=None)
    (line,) = _lines(stream)
    assert line == {
        "at": "2024-02-03T04:05:06.007Z",
        "level": "info",
        "event": "passage_decided",
        "process": "edge",
        "part": "portal",
        "portal": "lobby-a",
        "outcome": "grant",
        "age_s": None,
    }
    assert stream.getvalue().startswith('{"at":"2024-02-03T04:05:06.007Z","level":"info","event":')


def test_lines_below_the_level_are_not_written(stream: io.StringIO) -> None:
    configure("edge", FixedClock(), stream=stream, level=logging.WARNING)
    get_logger("x").info("quiet")
    get_logger("x").debug("quieter")
    get_logger("x").warning("heard")
    get_logger("x").error("heard_too")
    assert [line["event"] for line in _lines(stream)] == ["heard", "heard_too"]


@pytest.mark.parametrize(
    "key",
    ["password", "gate_secret", "token", "Authorization", "api_key", "private_key", "pin", "set_cookie"],
)
@pytest.mark.parametrize("form", list(LogFormat))
def test_values_of_secret_keys_are_dropped_at_any_depth(
    stream: io.StringIO, key: str, form: LogFormat
) -> None:
    configure("edge", FixedClock(), stream=stream, line_format=form)
    get_logger("x").info("e", **{key: "hunter2", "deep": {"list": ({key: "hunter2"},)}})
    get_logger("x").info("e", a={"b": {"c": {"d": {"e": "hunter2"}}}}, f=[[[(["hunter2"],)]]], pinned=1)
    assert "hunter2" not in stream.getvalue()
    assert logs.DROPPED in stream.getvalue()
    assert "pinned" in stream.getvalue()


def test_what_libraries_say_comes_the_same_way(stream: io.StringIO) -> None:
    configure("cloud", FixedClock(), stream=stream)
    logging.getLogger("some.library").warning("odd %s", "thing", extra={"password": "hunter2"})
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("pymodbus").error("it retries by itself")
    logging.getLogger("uvicorn.access").info("GET /")
    line, *others = _lines(stream)
    assert not others
    assert line["event"] == "odd thing"
    assert line["part"] == "some.library"
    assert line["password"] == logs.DROPPED


def test_warnings_are_lines_too(stream: io.StringIO) -> None:
    configure("cloud", FixedClock(), stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("deprecated thing", UserWarning, stacklevel=1)
    (line,) = _lines(stream)
    assert "deprecated thing" in line["event"]


@pytest.mark.parametrize("form", list(LogFormat))
def test_a_traceback_is_part_of_the_line_and_shows_no_variables(stream: io.StringIO, form: LogFormat) -> None:
    configure("edge", FixedClock(), stream=stream, line_format=form)
    hidden = "hunter" + "2"
    try:
        raise RuntimeError(len(hidden))
    except RuntimeError:
        get_logger("x").exception("broke")
    assert "RuntimeError: 7" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_values_that_json_cannot_hold_are_shown_all_the_same(stream: io.StringIO) -> None:
    configure("edge", FixedClock(), stream=stream)
    get_logger("x").info("odd", text="half \ud800 pair", number=1 << 200)
    get_logger("x").info("object", thing=FixedClock, at_all={1: {2}})
    first, second = _lines(stream)
    assert first["event"] == "'odd'"
    assert "FixedClock" in second["thing"]


def test_people_get_columns(stream: io.StringIO) -> None:
    configure("edge", FixedClock(), stream=stream, line_format=LogFormat.CONSOLE)
    get_logger("x").info("gate_opened", portal="lobby-a")
    assert "gate_opened" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_stream_decides_the_format() -> None:
    assert logs.format_for(Terminal()) is LogFormat.CONSOLE
    assert logs.format_for(io.StringIO()) is LogFormat.JSON


class FullDisk(io.StringIO):
    def write(self, s: str, /) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_stream_that_fails_disturbs_nothing() -> None:
    configure("edge", FixedClock(), stream=FullDisk())
    get_logger("x").error("unheard")
    logging.getLogger("library").error("unheard")


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    configure("edge", FixedClock())
    get_logger("x").info("heard")
    assert json.loads(capsys.readouterr().err)["event"] == "heard"
