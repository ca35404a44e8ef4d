"""A real ``cardea up`` in a folder, its output as it comes, and what is left of it in /proc."""

import contextlib
import os
import signal
import socket
import string
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cardea.cli.tower.layout import DEFAULT_PORTS, PROCESSES, Layout

DEMO = Path(__file__).parents[2] / "configs" / "demo"
WAIT_S_MAX = 60.0
STOP_S_MAX = 40.0


class Up:
    """One run of ``cardea up``."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cardea.cli.main", "up", str(folder), "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                with self._more:
                    self.lines.append(line.rstrip("\n"))
                    self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def until(self, *words: str, since: int = 0, within_s: float = WAIT_S_MAX) -> str:
        """Wait for a line with all ``words`` after the first ``since`` lines."""

        def found() -> str | None:
            return next((line for line in self.lines[since:] if all(word in line for word in words)), None)

        with self._more:
            self._more.wait_for(lambda: self._ended or found(), within_s)
            line = found()
        assert line is not None, "\n".join(["never said:", *words, "but:", *self.lines[since:]])
        return line

    def until_up(self) -> None:
        """The console is there and all devices are online."""
        self.until("Cardea is up")
        for device in ("gate-1", "gate-2", "gate-3", "qr-1", "qr-2", "relay-1", "relay-2"):
            self.until("device_online", f"device={device} ")
        self.until("uplink_up")

    def pids(self) -> dict[int, str]:
        """The living processes that name the folder, and their command lines."""
        return processes_of(self.folder)

    def wait_until_gone(self) -> None:
        """No process names the folder any more; the kernel tells only parents."""
        deadline_s = time.monotonic() + STOP_S_MAX
        while left := self.pids():
            assert time.monotonic() < deadline_s, left
            time.sleep(0.02)

    def stop(self) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(STOP_S_MAX)
        self._reader.join(STOP_S_MAX)
        return status

    def destroy(self) -> None:
        """Whatever has happened, nothing is left."""
        for pid in (self.process.pid, *self.pids()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(STOP_S_MAX)


def processes_of(folder: Path) -> dict[int, str]:
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if f"{folder}/" in command or f"{folder} " in command:
                    found[int(entry.name)] = command
    return found


def write_demo(folder: Path) -> int:
    """The demo's configurations with ports of their own, since other towers may start at this moment; returns
    the console's.
    """
    with contextlib.ExitStack() as stack:
        probes = {name: stack.enter_context(socket.socket()) for name in DEFAULT_PORTS}
        for probe in probes.values():
            probe.bind(("127.0.0.1", 0))
        ports = {name: str(probe.getsockname()[1]) for name, probe in probes.items()}
    for process in PROCESSES:
        target = Layout(folder).config(process)
        target.parent.mkdir(mode=0o700, parents=True)
        target.write_text(string.Template((DEMO / target.name).read_text()).substitute(ports))
    return int(ports["console_port"])


@pytest.fixture(scope="module")
def start_up() -> Iterator[Callable[..., Up]]:
    """Starts ``cardea up`` in a folder; what is still running in the end is ended."""
    started: list[Up] = []

    def start(folder: Path) -> Up:
        started.append(Up(folder, write_demo(folder)))
        return started[-1]

    yield start
    for up in started:
        up.destroy()
