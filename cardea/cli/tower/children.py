"""Processes that are kept running: started in order, restarted when they die, stopped in order."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from cardea.runtime.backoff import Backoff
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.notify import READY, VARIABLE

READY_S_MAX = 30.0
STOP_S_MAX = 10.0
KILL_S_MAX = 5.0
DRAIN_S_MAX = 1.0
"""How long the last words of a process that has ended are waited for."""
LINE_BYTES_MAX = 64 * 1024
UNUSABLE = 2
"""The exit status of a process whose configuration or files cannot be used."""
CORRECTION_S = 60.0
STEADY_S = 30.0
"""A process that ran this long before it died is restarted at once."""

Tell = Callable[[str, str], None]
"""Say a line in the name of a process."""


@dataclass(frozen=True, slots=True)
class Child:
    """What to run: a name for the logs, and the command."""

    name: str
    command: tuple[str, ...]


def cardea(*arguments: str) -> tuple[str, ...]:
    """The command line of ``cardea``, for the interpreter that runs us; modules in the current folder are
    not looked at."""
    return (sys.executable, "-P", "-m", "cardea.cli.main", *arguments)


def bound(command: Sequence[str]) -> tuple[str, ...]:
    """``command`` so that it is asked to end even when we are killed outright (prctl PR_SET_PDEATHSIG)."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM", "--", *command) if setpriv else tuple(command)


class Running:
    """One child, kept running until it is stopped."""

    def __init__(self, child: Child, clock: Clock, entropy: Entropy, tell: Tell) -> None:
        self.ready = asyncio.Event()
        self._unusable = asyncio.Event()
        self._child = child
        self._clock = clock
        self._backoff = Backoff(clock, entropy, base_s=0.25, s_max=10.0)
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, while there is a process."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Begin, and wait until the process says that it is ready, that it cannot be, or has had its time."""
        self._keeper = asyncio.create_task(self._keep(), name=self._child.name)
        waits = (asyncio.create_task(self.ready.wait()), asyncio.create_task(self._unusable.wait()))
        try:
            done, _ = await asyncio.wait(waits, timeout=READY_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not done:
            self._tell(self._child.name, f"not ready after {READY_S_MAX:.0f} s; going on without it")

    async def stop(self) -> None:
        """Ask the process to end, and pass on what it still says; insist after a while."""
        self._stopping = True
        keeper = self._keeper
        if keeper is None:
            return
        if self._process is None:
            keeper.cancel()  # between two attempts: there is nothing to end
        else:
            self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait((keeper,), timeout=STOP_S_MAX)
        if not done:
            self._tell(self._child.name, f"did not stop within {STOP_S_MAX:.0f} s; killed")
            self._signal(signal.SIGKILL)
            await asyncio.wait((keeper,), timeout=KILL_S_MAX)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _keep(self) -> None:
        while not self._stopping:
            began_s = self._clock.monotonic_s()
            status = None
            try:
                status = await self._run_once()
                ended = f"ended ({_describe(status)}); starting it again"
            except OSError as error:
                ended = f"cannot be started ({error.strerror}); trying again"
            if self._stopping:
                return
            if status == UNUSABLE:
                await self._wait_for_correction()
                continue
            if self._clock.monotonic_s() - began_s >= STEADY_S:
                self._backoff.reset()
            self._tell(self._child.name, ended)
            await self._backoff.wait()

    async def _wait_for_correction(self) -> None:
        """What it said is for a person: the others go on, and it is tried again once in a while."""
        self._tell(self._child.name, f"cannot work as it is set up; trying again every {CORRECTION_S:.0f} s")
        self._unusable.set()
        await self._clock.sleep(CORRECTION_S)

    async def _run_once(self) -> int:
        name = f"cardea-{os.getpid()}-{self._child.name}"
        async with _readiness(name, self.ready) as address, _output() as (stream, end):
            with end:
                process = await asyncio.create_subprocess_exec(
                    *bound(self._child.command),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=end,
                    stderr=asyncio.subprocess.STDOUT,
                    env={**os.environ, VARIABLE: address, "PYTHONUNBUFFERED": "1"},
                    start_new_session=True,  # Ctrl-C reaches only us; we stop the children in order
                )
            self._process = process
            relaying = asyncio.create_task(self._relay(stream))
            try:
                return await process.wait()
            finally:
                _end_group(process.pid)
                await asyncio.wait((relaying,), timeout=DRAIN_S_MAX)
                relaying.cancel()
                self._process = None

    async def _relay(self, stream: asyncio.StreamReader) -> None:
        async for line in _lines(stream):
            self._tell(self._child.name, line)


def _end_group(pid: int) -> None:
    """What the process started and left behind goes with it; it would hold ports, files and our pipe."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _describe(status: int) -> str:
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Lines of output; of one that is too long only the beginning."""
    cut = False
    while True:
        try:
            line = await stream.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            line = error.partial
            if not line:
                return
        except asyncio.LimitOverrunError as error:
            line = await stream.readexactly(error.consumed)
            if not cut:
                yield f"{line[:LINE_BYTES_MAX].decode(errors='replace')}…"
            cut = True
            continue
        if not cut:
            yield line.decode(errors="replace").rstrip("\r\n")
        cut = False


@contextlib.asynccontextmanager
async def _output() -> AsyncGenerator[tuple[asyncio.StreamReader, BinaryIO], None]:
    """A pipe: what arrives, and the end to give to the child.

    Not asyncio's own, with which a process has not ended for us while anything it started holds the pipe.
    """
    read_end, write_end = os.pipe()
    stream = asyncio.StreamReader(LINE_BYTES_MAX)
    with os.fdopen(write_end, "wb") as end:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(read_end, "rb", buffering=0)
        )
        try:
            yield stream, end
        finally:
            transport.close()


@contextlib.asynccontextmanager
async def _readiness(name: str, ready: asyncio.Event) -> AsyncGenerator[str, None]:
    """A datagram socket that sets ``ready`` when the child reports itself ready.

    In Linux' abstract namespace: a path in a deep folder would exceed the 108 bytes a socket's name may have.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.setblocking(False)
        channel.bind(f"\0{name}")

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                if READY in channel.recv(4096).decode(errors="replace").splitlines():
                    ready.set()

        loop.add_reader(channel, read)
        try:
            yield f"@{name}"
        finally:
            loop.remove_reader(channel)
