"""The decoders of every driver: pure, indifferent to cuts, never upset by garbage."""

import ast
import datetime as dt
import importlib.util
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

from cardea.contract.time import ClockQuality, Instant
from drivers.api import Observed, Reject

AT = Instant(1000.0, dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
SAMPLE_BYTES_MAX = 120
REJECTS_MAX_PER_KIB = 1024
IMPURE = {
    "asyncio", "socket", "threading", "sqlite3", "multiprocessing", "subprocess", "ssl", "http", "httpx",
    "selectors", "serial", "pymodbus", "starlette", "uvicorn", "time", "random", "secrets",
}  # fmt: skip
fixtures_are_constant = property_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def pieces_of(content: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    return [content[start:stop] for start, stop in itertools.pairwise(places)] or [b""]


def decoded(decoder, pieces):
    events = [event for piece in pieces for event in decoder.feed(piece, AT)]
    return [*events, *decoder.finish(AT)]


def told(events):
    """What events say, to be compared: two frames are equal when their counts are."""
    return [(type(e).__name__, [comparable(getattr(e, f.name)) for f in fields(e)]) for e in events]


def comparable(value):
    return (value.shape, value.dtype.str, value.tobytes()) if isinstance(value, np.ndarray) else value


def contents(messages) -> list[bytes]:
    return [b"".join(piece.data for piece in message) for message in messages]


def test_there_are_samples_and_they_are_understood(driver, settings, messages):
    assert messages, "give a capture: tests/conformance/captures/<driver>/*.jsonl"
    events = [
        e for c in contents(messages) for e in decoded(driver.decoders[messages[0][0].channel](settings), [c])
    ]
    assert [event for event in events if not isinstance(event, Reject)], "no sample makes any event"


def test_only_declared_events_and_short_samples(driver, channel, settings, messages):
    decoder = driver.decoders[channel](settings)
    for content in (*contents(messages), b"\x00\xff" * 3000):
        for event in decoded(decoder, [content]):
            assert isinstance(event, driver.events)
            assert isinstance(event, Observed)
            assert event.at == AT
            if isinstance(event, Reject):
                assert event.reason
                assert len(event.sample) <= SAMPLE_BYTES_MAX


@fixtures_are_constant
@given(data=st.data())
def test_any_cut_anywhere_gives_the_same_events(driver, channel, settings, messages, data):
    content = data.draw(st.sampled_from(contents(messages)))
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=12))
    whole = decoded(driver.decoders[channel](settings), [content])
    assert told(decoded(driver.decoders[channel](settings), pieces_of(content, cuts))) == told(whole)


def test_cut_at_every_byte(driver, channel, settings, messages):
    for content in contents(messages):
        short = content[:4096]
        single = [short[i : i + 1] for i in range(len(short))]
        whole = decoded(driver.decoders[channel](settings), [short])
        assert told(decoded(driver.decoders[channel](settings), single)) == told(whole)


@fixtures_are_constant
@given(data=st.data())
def test_damage_is_counted_and_cuts_still_do_not_matter(driver, channel, settings, messages, data):
    content = bytearray(data.draw(st.sampled_from(contents(messages))))
    for place, byte in data.draw(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6)):
        content[place % len(content)] = byte
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    damaged = bytes(content[:start] + content[stop:])
    cuts = data.draw(st.lists(st.integers(0, len(damaged)), max_size=8))
    whole = decoded(driver.decoders[channel](settings), [damaged])
    assert told(decoded(driver.decoders[channel](settings), pieces_of(damaged, cuts))) == told(whole)


@fixtures_are_constant
@given(chunks=st.lists(st.binary(max_size=200), max_size=10))
def test_garbage_never_raises(driver, channel, settings, chunks):
    decoder = driver.decoders[channel](settings)
    events = decoded(decoder, chunks)
    size = sum(map(len, chunks))
    assert len(events) <= size + 1, "more events than bytes"


@fixtures_are_constant
@given(chunks=st.lists(st.binary(max_size=60), max_size=4), data=st.data())
def test_after_finish_a_decoder_is_as_new(driver, channel, settings, messages, chunks, data):
    before = data.draw(st.sampled_from(contents(messages)))
    content = data.draw(st.sampled_from(contents(messages)))
    decoder = driver.decoders[channel](settings)
    decoded(decoder, [before[: data.draw(st.integers(0, len(before)))], *chunks])
    whole = decoded(driver.decoders[channel](settings), [content])
    assert told(decoded(decoder, [content])) == told(whole)


def test_decode_is_pure(driver):
    package = driver.settings.__module__.rsplit(".", 1)[0]
    source = importlib.util.find_spec(f"{package}.decode")
    assert source is not None, f"{package} has no decode.py"
    for module in closure(f"{package}.decode"):
        assert module.split(".")[0] not in IMPURE, f"{package}.decode reaches {module}"


def closure(start: str) -> Iterator[str]:
    """Everything that a module of ours imports, through our modules but not beyond the driver API."""
    waiting, seen = [start], {"drivers.api"}
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        yield module
        if module.split(".")[0] in {"drivers", "models", start.split(".", maxsplit=1)[0]}:
            waiting += imports_of(module)


def imports_of(module: str) -> Iterator[str]:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return
    for node in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if is_module(name) else node.module for name in names)


def is_module(name: str) -> bool:
    if name.split(".", 1)[0] not in {"drivers", "models", "cardea"}:
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_the_purity_check_sees_through_modules():
    assert "asyncio" in set(closure("drivers.scanner.session"))


@pytest.mark.parametrize("content", [b"", b"abc"])
def test_pieces_make_up_the_content(content):
    assert b"".join(pieces_of(content, [1, 2])) == content
