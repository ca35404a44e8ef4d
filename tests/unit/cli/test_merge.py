"""Merged logs: one readable line an event, whatever the processes write."""

import datetime as dt
import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.cli.tower.merge import VALUE_CHARACTERS_MAX, MergedLog

SHANGHAI = dt.timezone(dt.timedelta(hours=8))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def merged(line: str, process: str = "gateway") -> str:
    stream = io.StringIO()
    MergedLog(stream, SHANGHAI)(process, line)
    return stream.getvalue()


def event(**values: object) -> str:
    return json.dumps({"at": "2026-05-04T03:02:01.500Z", "level": "info", "event": "passage", **values})


def test_an_event_is_time_name_and_values():
    line = event(portal="lobby-a", outcome="grant", surface_temp_c=36.4, process="gateway", part="portal")
    assert merged(line) == "gateway  11:02:01   passage portal=lobby-a outcome=grant surface_temp_c=36.4\n"


@pytest.mark.parametrize(
    ("level", "mark"), [("info", " "), ("warning", "!"), ("error", "✗"), ("critical", "✗"), (7, " ")]
)
def test_trouble_is_marked(level, mark):
    assert merged(event(level=level)) == f"gateway  11:02:01 {mark} passage\n"


@pytest.mark.parametrize(
    "at", ["", "yesterday", None, 7, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]
)
def test_a_time_that_is_none_is_left_out(at):
    assert merged(json.dumps({"at": at, "event": "x"})) == "gateway  --:--:--   x\n"


def test_values_that_are_no_text_are_json():
    assert merged(event(a=[1, 2], b={"c": None}, d=True)).endswith('passage a=[1,2] b={"c":null} d=true\n')


def test_long_values_are_cut():
    shown = merged(event(text="x" * 1000)).partition("text=")[2].rstrip("\n")
    assert shown == "x" * VALUE_CHARACTERS_MAX + "…"


@pytest.mark.parametrize(
    "line",
    ["plain words", "{broken", '{"no": "event of ours"}', "[1]", "", '{"event": "cut…', '{"a":' * 30_000],
)
def test_other_lines_pass_as_they_are(line):
    assert merged(line) == f"gateway  {line}\n"


def test_what_a_device_says_does_not_steer_the_terminal():
    assert "\\x1b[2J" in merged(event(name="\x1b[2J\x9b31m"))
    shown = merged("\x1b]0;title\x07 plain")
    assert "\x1b" not in shown
    assert merged(event(exception="one\ntwo")).endswith("exception=one\\ntwo\n")


@given(st.text(), st.text(min_size=1, max_size=8))
def test_any_line_makes_one_line(line, process):
    stream = io.StringIO(newline="")
    MergedLog(stream)("child", line)
    assert stream.getvalue().count("\n") == 1


@given(st.dictionaries(st.text(max_size=5), st.recursive(st.none() | st.integers() | st.text(), st.lists)))
def test_any_event_makes_one_line(values):
    stream = io.StringIO(newline="")
    MergedLog(stream)("child", json.dumps({**values, "event": "x"}))
    assert stream.getvalue().count("\n") == 1
    assert not any(character < " " for character in stream.getvalue()[:-1] if character != "\t")


def test_names_are_coloured_only_on_a_terminal():
    stream = Terminal()
    log = MergedLog(stream)
    log("gateway", "words")
    log("stranger", "words")
    assert stream.getvalue() == "\033[32mgateway \033[0m words\n\033[0mstranger\033[0m words\n"


def test_a_reader_who_has_gone_away_stops_nothing(monkeypatch):
    stream = io.StringIO()
    log = MergedLog(stream)
    monkeypatch.setattr(sys, "stderr", stream)
    stream.close()
    log("gateway", "words")
    log("gateway", "more words")
