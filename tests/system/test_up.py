"""``cardea up`` as a newcomer runs it: from an empty folder to people in the ledger, and each way out."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

CARDEA = (sys.executable, "-m", "cardea.cli.main")
DAEMONS = {"broker": "broker", "sim": "sim", "cloud": "cloud", "gateway": "edge"}
UP = {
    "broker": "broker_ready",
    "sim": "simulators_listening",
    "cloud": "console_ready",
    "gateway": "gateway_started",
}
LONG_S = 60.0


class Tower:
    """A running ``cardea up`` whose output is read as it comes."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self._more = threading.Condition()
        command = [*CARDEA, "up", str(folder), "--port", str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, text: str, after: int = 0) -> int:
        """Wait for a line that holds ``text``; returns how many lines there are then."""
        end = time.monotonic() + LONG_S
        with self._more:
            while not any(text in line for line in self.lines[after:]):
                left = end - time.monotonic()
                assert left > 0, f"{text!r} was not said:\n" + "\n".join(self.lines[-30:])
                self._more.wait(left)
            return len(self.lines)

    def pid(self, name: str) -> int:
        """The process of one daemon."""
        return next(pid for pid, words in ours(self.folder) if f"{DAEMONS[name]} run " in f"{words} ")

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(how)
        status = self.process.wait(LONG_S)
        self._reader.join(LONG_S)
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.lines.append(line.rstrip())
                self._more.notify_all()
        self.process.stdout.close()


def ours(folder: Path) -> list[tuple[int, str]]:
    """Every process whose command names the folder, but for ``cardea up`` itself."""
    found: list[tuple[int, str]] = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if entry.name.isdecimal() and str(folder) in words and " up " not in words:
                found.append((int(entry.name), words))
    return found


def all_gone(folder: Path) -> bool:
    end = time.monotonic() + 20
    while ours(folder) and time.monotonic() < end:
        time.sleep(0.05)  # another process' end has no event here
    return not ours(folder)


def passages(folder: Path) -> set[str]:
    ledger = folder / "cloud" / "data" / "ledger.sqlite"
    with contextlib.closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM decisions")}


def some_passages(folder: Path, more_than: int = 0) -> set[str]:
    end = time.monotonic() + LONG_S
    while len(found := passages(folder)) <= more_than:
        assert time.monotonic() < end, "nobody came into the ledger"
        time.sleep(0.1)  # the ledger is another process' file
    return found


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def tower(tmp_path: Path, port: int) -> Iterator[Tower]:
    running = Tower(tmp_path / "demo", port)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop(signal.SIGTERM)
        assert all_gone(running.folder)


def test_a_tower_comes_up_survives_kills_stops_in_order_and_goes_on(tower: Tower, port: int) -> None:
    tower.until("Cardea is up")
    before = some_passages(tower.folder)
    password = tower.folder / "admin-password"
    assert password.stat().st_mode & 0o777 == 0o600
    said = password.read_text()
    ids = {name: tower.pid(name) for name in DAEMONS}
    assert len(set(ids.values())) == 4, "each is a process of its own"
    for name, pid in ids.items():
        seen = len(tower.lines)
        os.kill(pid, signal.SIGKILL)
        tower.until(f"{name:<8} ended (SIGKILL); starting it again", seen)
        tower.until(UP[name], seen)
    more = some_passages(tower.folder, len(before))
    assert tower.stop() == 0
    assert tower.lines[-1].endswith("stopped")
    assert not any("Traceback" in line for line in tower.lines)
    assert all_gone(tower.folder)

    again = Tower(tower.folder, port)
    try:
        again.until("Cardea is up")
        assert passages(tower.folder) >= more
        assert password.read_text() == said
        assert not any("first login" in line or "added" in line for line in again.lines)
        some_passages(tower.folder, len(more))
    finally:
        assert again.stop(signal.SIGTERM) == 0


def test_killing_the_parent_leaves_no_process(tower: Tower) -> None:
    tower.until("Cardea is up")
    tower.stop(signal.SIGKILL)
    assert all_gone(tower.folder)


def test_a_second_tower_in_the_folder_is_refused(tower: Tower, port: int) -> None:
    tower.until("broker_ready")
    second = subprocess.run(
        [*CARDEA, "up", str(tower.folder)], capture_output=True, text=True, timeout=LONG_S, check=False
    )
    assert second.returncode == 2
    assert second.stderr == f"cardea: a tower is running in {tower.folder} already; stop it first\n"


def test_a_taken_console_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = subprocess.run(
            [*CARDEA, "up", str(tmp_path / "demo"), "--port", str(port)],
            capture_output=True, text=True, timeout=LONG_S, check=False,
        )  # fmt: skip
    assert found.returncode == 2
    assert found.stderr.startswith(f"cardea: port {port} is taken")
    assert found.stderr.count("\n") == 1


def test_a_broken_gateway_configuration_names_everything_and_the_others_go_on(
    tower: Tower, port: int
) -> None:
    tower.until("Cardea is up")
    some_passages(tower.folder)
    assert tower.stop() == 0
    config = tower.folder / "gateway" / "gateway.toml"
    text = config.read_text()
    config.write_text(text.replace('language = "en"', 'language = "tlh"').replace("unit = 2", "unit = 999"))
    again = Tower(tower.folder, port)
    try:
        again.until("Cardea is up")
        again.until("gateway.language: 'tlh'")
        again.until("unit: 999")
        again.until("cannot work as it is set up")
        assert len(passages(tower.folder)) > 0
        assert not any("Traceback" in line for line in again.lines)
    finally:
        assert again.stop() == 0
