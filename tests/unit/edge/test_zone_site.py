"""Zones on site: the socket, the command, and the small parts below the zone's task."""

import asyncio
import datetime as dt
import json
import math
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.cli import zone as command
from cardea.cli.main import main
from cardea.contract.time import ClockQuality, Instant
from cardea.contract.zones import CycleOutcome, StopReason
from cardea.runtime.clock import SystemClock
from cardea.runtime.disk import SystemDisk
from drivers.api import InputChanged, InputKind, UnitReported
from edge.decide.dose import Dose
from edge.decide.interlock_events import Booted, Kept, Warrant, WriteCycle
from edge.decide.interlock_state import GAS_INSIDE, IRRADIANCE, OUTPUT
from edge.notes import NoteKind, Notes
from edge.zone.inputs import ZoneInputs
from edge.zone.notes import CYCLES_MAX, ZoneNotes
from edge.zone.rows import ended_cycle
from edge.zone.settings import Zone
from edge.zone.site_socket import CONNECTIONS_MAX, LINE_BYTES_MAX, SOCKET_FILE, SiteSocket

NOW = Instant(1000.0, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
PICTURE = {
    "state": "lockout",
    "monitor_only": False,
    "stopped": "fire",
    "not_ok": {"fire": "not_ok"},
    "cycle": None,
    "started_by": "Ada",
    "last": None,
}


class Fake:
    """A zone that notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.why_not: str | None = None

    def picture(self) -> dict[str, object]:
        return dict(PICTURE)

    def stop(self, by: str, where: str) -> None:
        self.asked.append(("stop", by, where))

    def clear(self, by: str, reason: str) -> str | None:
        self.asked.append(("clear", by, reason))
        return self.why_not


def site(path: Path, zone: Any) -> SiteSocket:
    return SiteSocket(path, {"lab": zone})


# --- the socket ---------------------------------------------------------------------------------


def test_requests_are_answered_one_line_each():
    zone = Fake()
    serving = site(Path("unused"), zone)
    assert serving.answer(b'{"do": "list"}\n') == {"ok": True, "zones": {"lab": PICTURE}}
    assert serving.answer(b'{"do": "stop", "zone": "lab"}')["ok"] is True
    assert serving.answer(b'{"do": "clear", "zone": "lab", "by": "Bo", "reason": "looked"}')["ok"] is True
    assert zone.asked == [("stop", "on site", "site"), ("clear", "Bo", "looked")]
    zone.why_not = "another person must clear it"
    refused = serving.answer(b'{"do": "clear", "zone": "lab", "by": "Ada", "reason": "x"}')
    assert refused == {"ok": False, "why": "another person must clear it"}
    assert "known here: lab" in str(serving.answer(b'{"do": "stop", "zone": "attic"}')["why"])


@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)))
def test_garbage_is_refused_and_stops_nothing(line: bytes):
    zone = Fake()
    assert site(Path("unused"), zone).answer(line)["ok"] is False
    assert not zone.asked


@pytest.mark.parametrize(
    "line",
    [b"null", b"[]", b'{"do": "start", "zone": "lab"}', b'{"do": "clear", "zone": "lab"}', b"[" * 3000],
)
def test_what_cannot_be_asked_is_not_understood(line: bytes):
    assert "not understood" in str(site(Path("unused"), Fake()).answer(line)["why"])


async def _ask(path: Path, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(line)
        await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def _serving(path: Path, zone: Any) -> "asyncio.Task[None]":
    task = asyncio.create_task(site(path, zone).run())
    await asyncio.sleep(0.1)  # bound and listening: nobody is told of it
    return task


async def test_only_the_gateways_user_reaches_the_socket_and_long_lines_get_no_answer(tmp_path: Path):
    path = tmp_path / "data" / SOCKET_FILE
    task = await _serving(path, Fake())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(await _ask(path, b'{"do": "list"}\n'))["ok"] is True
    assert await _ask(path, b"x" * (2 * LINE_BYTES_MAX)) == b""
    idle = [await asyncio.open_unix_connection(path) for _ in range(CONNECTIONS_MAX)]
    assert await _ask(path, b'{"do": "list"}\n') == b"", "more than a few at a time are turned away"
    for _, writer in idle:
        writer.close()
    await asyncio.sleep(0.05)
    assert json.loads(await _ask(path, b'{"do": "list"}\n'))["ok"] is True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not path.exists()


async def test_a_socket_that_was_left_behind_is_replaced_and_one_that_cannot_be_made_is_said(tmp_path: Path):
    path = tmp_path / SOCKET_FILE
    path.write_text("left behind")
    task = asyncio.create_task(site(path, Fake()).run())
    await asyncio.sleep(0.1)
    assert json.loads(await _ask(path, b'{"do": "list"}\n'))["ok"] is True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await site(tmp_path / ("x" * 120), Fake()).run()


# --- the command --------------------------------------------------------------------------------

CONFIG = """
[gateway]
id = "tower-1"
site = "demo"
linkage_domain = "demo"
[broker]
host = "127.0.0.1"
ca_file = "ca"
cert_file = "crt"
key_file = "key"
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[tuple[Path, Fake]]:
    """A gateway's socket, served by a loop of its own."""
    config, zone = tmp_path / "gateway.toml", Fake()
    config.write_text(CONFIG)
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        task = await _serving(tmp_path / "data" / SOCKET_FILE, zone)
        ready.set()
        await asyncio.gather(task, return_exceptions=True)

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            try:
                runner.run(serve())
            except asyncio.CancelledError:
                return

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    yield config, zone
    loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
    thread.join(10)


def test_the_command_lists_stops_and_clears(gateway: tuple[Path, Fake], capsys: Any):
    config, zone = gateway
    there = ["--config", str(config)]
    assert main(["edge", "zone", "list", *there]) == 0
    assert "lockout" in capsys.readouterr().out
    assert main(["edge", "zone", "list", "--json", *there]) == 0
    assert json.loads(capsys.readouterr().out) == {"lab": PICTURE}
    assert main(["edge", "zone", "stop", "lab", *there]) == 0
    assert main(["edge", "zone", "clear", "lab", "--by", "Bo", "--reason", "looked", *there]) == 0
    assert zone.asked == [("stop", "on site", "site"), ("clear", "Bo", "looked")]
    zone.why_not = "Ada started the cycle; another person must clear it"
    assert main(["edge", "zone", "clear", "lab", "--by", "Ada", "--reason", "x", *there]) == 1
    assert "another person" in capsys.readouterr().err


def test_without_a_gateway_the_command_says_so(tmp_path: Path, capsys: Any):
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG)
    assert main(["edge", "zone", "list", "--config", str(config)]) == 1
    assert "is it running" in capsys.readouterr().err
    assert main(["edge", "zone", "list", "--config", str(tmp_path / "nowhere.toml")]) == 2


@pytest.mark.parametrize("answer", [b"not json\n", b"[]\n", b""])
def test_an_answer_that_is_none_is_said(tmp_path: Path, capsys: Any, answer: bytes):
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG)
    (tmp_path / "data").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "data" / SOCKET_FILE))
        listening.listen()

        def serve() -> None:
            asking, _ = listening.accept()
            with asking:
                asking.recv(1000)
                asking.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert main(["edge", "zone", "list", "--config", str(config)]) == 1
        thread.join(5)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_zone_is_one_line():
    line = command.zone_line("lab", {**PICTURE, "monitor_only": True, "not_ok": {}})
    assert "watched only" in line
    assert line.endswith("nothing")


# --- notes --------------------------------------------------------------------------------------

WARRANT = Warrant(cycle="c-1", by="Ada", confirmed_by="Bo", utc="2026-03-02T01:00:00+00:00")


async def _attached(path: Path) -> Notes:
    notes = Notes(SystemClock())
    await notes.attach(SystemDisk(path))
    return notes


@pytest.mark.parametrize(
    "kept",
    [
        Kept(warrant=WARRANT, gassed=True, stopped=StopReason.FIRE, recorded=True),
        Kept(warrant=None, gassed=False),
    ],
)
async def test_d05_what_was_kept_is_found_after_a_restart(tmp_path: Path, kept: Kept):
    notes = await _attached(tmp_path)
    zone = ZoneNotes("lab", notes)
    assert zone.booted() == Booted()
    zone.keep(kept)
    assert not notes.written(NoteKind.ZONE, "lab")
    assert await zone.durable()
    await notes.close()
    again = await _attached(tmp_path)
    found = ZoneNotes("lab", again)
    assert found.booted() == Booted(kept)
    found.keep(None)
    assert found.booted() == Booted()
    await again.close()


@pytest.mark.parametrize("text", ["", "{}x", "[]", '{"gassed": 3}', '{"stopped": "no reason"}'])
async def test_d05_a_note_that_cannot_be_read_counts_as_the_worst(tmp_path: Path, text: str):
    notes = await _attached(tmp_path)
    notes.put(NoteKind.ZONE, "lab", text)
    notes.put(NoteKind.ZONE_CYCLES, "lab", text)
    notes.put(NoteKind.ZONE_DOSE, "lab", text)
    zone = ZoneNotes("lab", notes)
    assert zone.booted() == Booted(known=False)
    if text != "[]":
        assert zone.cycles_today(NOW) == CYCLES_MAX
        assert zone.spent(NOW) == ((NOW.mono_s, math.inf),)
    await notes.close()


def test_d05_without_a_disk_nothing_is_known():
    notes = Notes(SystemClock())
    assert ZoneNotes("lab", notes).booted() == Booted(known=False)
    assert not notes.written(NoteKind.ZONE, "lab")


def later(s: float) -> Instant:
    return Instant(NOW.mono_s + s, NOW.utc + dt.timedelta(seconds=s), NOW.quality)


def test_d10_cycles_are_counted_for_a_day_and_no_clock_makes_them_go_away():
    zone = ZoneNotes("lab", Notes(SystemClock()))
    for hour in range(3):
        zone.cycle_began(later(3600.0 * hour))
    assert zone.cycles_today(later(7200.0)) == 3
    assert zone.cycles_today(later(86_401.0)) == 2
    assert zone.cycles_today(later(-86_400.0 * 365)) == 3
    for _ in range(2 * CYCLES_MAX):
        zone.cycle_began(NOW)
    assert zone.cycles_today(NOW) == CYCLES_MAX


def test_d11_dose_spent_outlives_a_restart_on_another_monotonic_clock():
    zone = ZoneNotes("lab", Notes(SystemClock()))
    assert zone.spent(NOW) == ()
    zone.keep_spent(((900.0, 2.5),), NOW)
    rebooted = Instant(5.0, NOW.utc + dt.timedelta(seconds=100), NOW.quality)
    assert zone.spent(rebooted) == ((pytest.approx(-195.0, abs=0.01), 2.5),)
    set_back = Instant(5.0, NOW.utc - dt.timedelta(days=1), NOW.quality)
    assert zone.spent(set_back) == ((5.0, 2.5),)


# --- inputs and rows ----------------------------------------------------------------------------

GAS = {"device": "gas", "metric": "o3_ppm", "high": 5.0, "moves": "cell_mv"}
ZONE = Zone.model_validate(
    {
        "title": "Laboratory",
        "kind": "ozone",
        "unit": "ozone-1",
        "doors": [{"device": "board", "channel": 0}],
        "occupancy": [
            {"technology": "pir", "input": {"device": "board", "channel": 1}},
            {"technology": "portal_count", "portal": "door"},
        ],
        "enclosure": {"device": "board", "channel": 6},
        "gas_inside": GAS,
    }
)


def contact(kind: InputKind, channel: int, active: bool | None, **more: Any) -> InputChanged:  # noqa: FBT001  # a contact
    return InputChanged(at=NOW, kind=kind, channel=channel, active=active, **more)


def test_inputs_are_told_apart_by_device_channel_and_kind():
    inputs = ZoneInputs(ZONE, lambda _portal: 2)
    assert inputs.devices == {"ozone-1", "gas", "board"}
    door = contact(InputKind.DOOR, 0, active=False)
    assert inputs.read("board", door) == [("door/0", False, None)]
    assert inputs.read("other", door) == []
    assert inputs.read("board", contact(InputKind.FIRE, 0, active=False)) == []
    assert inputs.read("board", contact(InputKind.OCCUPANCY, 1, active=None)) == [("occupancy/0", None, None)]
    assert inputs.read("board", contact(InputKind.DOOR, 0, active=False, offline=True)) == [], "L12"
    assert inputs.counted() == [("occupancy/1", True, None)]
    assert ZoneInputs(ZONE, lambda _portal: None).counted() == []
    assert ZoneInputs(ZONE, lambda _portal: 0).counted() == [("occupancy/1", False, None)]


def test_numbers_of_the_unit_and_of_sensors_are_taken_and_what_is_absent_stays_absent():
    inputs = ZoneInputs(ZONE, lambda _portal: 0)
    report = UnitReported(
        at=NOW, values={"output_on": 1.0, "irradiance_uw_cm2": 80.0, "enclosure_closed": 1.0}
    )
    assert inputs.read("ozone-1", report) == [(OUTPUT, 1.0, None), (IRRADIANCE, 80.0, None)], (
        "it has a contact"
    )
    assert inputs.read("board", report) == []
    gas = UnitReported(at=NOW, values={"o3_ppm": 0.0, "cell_mv": 3.5})
    assert inputs.read("gas", gas) == [(GAS_INSIDE, 0.0, 3.5)]
    assert inputs.read("gas", UnitReported(at=NOW, values={"cell_mv": 3.5})) == []
    inputs.put(inputs.read("gas", gas), 10.0)
    assert inputs.samples[GAS_INSIDE].witness == 3.5


@pytest.mark.parametrize(
    ("utc", "started"), [(WARRANT.utc, dt.datetime(2026, 3, 2, 1, tzinfo=dt.UTC)), ("", NOW.utc)]
)
def test_a_cycle_whose_beginning_nobody_knows_began_when_it_was_found(utc: str, started: dt.datetime):
    written = WriteCycle(
        Warrant(cycle="c-1", by="Ada", utc=utc),
        CycleOutcome.ABORTED,
        StopReason.RESTART,
        Dose(upper_mj_cm2=1.0),
    )
    cycle = ended_cycle(written, ZONE, NOW)
    assert cycle.started.utc == started
    assert cycle.dose_mj_cm2_min is None, "ozone has no dose of light"
