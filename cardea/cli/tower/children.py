"""Processes that are kept running: started in order, restarted when they die, stopped in order."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass

from cardea.runtime.backoff import Backoff
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.notify import READY, VARIABLE

READY_S_MAX = 30.0
STOP_S_MAX = 10.0
LINE_BYTES_MAX = 64 * 1024
STEADY_S = 30.0
"""A process that ran this long before it died is restarted at once."""

Tell = Callable[[str, str], None]
"""Say a line in the name of a process."""


@dataclass(frozen=True, slots=True)
class Child:
    """What to run: a name for the logs, and the words after ``cardea``."""

    name: str
    arguments: tuple[str, ...]


class Running:
    """One child, kept running until it is stopped."""

    def __init__(self, child: Child, clock: Clock, entropy: Entropy, tell: Tell) -> None:
        self.ready = asyncio.Event()
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
        """Begin, and wait until the process says that it is ready (or has had time enough to)."""
        self._keeper = asyncio.create_task(self._keep(), name=self._child.name)
        try:
            async with asyncio.timeout(READY_S_MAX):
                await self.ready.wait()
        except TimeoutError:
            self._tell(self._child.name, f"not ready after {READY_S_MAX:.0f} s; going on without it")

    async def stop(self) -> None:
        """Ask the process to end; insist after a while."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_S_MAX):
                    await process.wait()
            except TimeoutError:
                self._tell(self._child.name, f"did not stop within {STOP_S_MAX:.0f} s; killed")
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self) -> None:
        while not self._stopping:
            began_s = self._clock.monotonic_s()
            status = await self._run_once()
            if self._stopping:
                return
            if self._clock.monotonic_s() - began_s >= STEADY_S:
                self._backoff.reset()
            self._tell(self._child.name, f"ended ({_describe(status)}); starting it again")
            await self._backoff.wait()

    async def _run_once(self) -> int:
        async with _readiness(f"cardea-{os.getpid()}-{self._child.name}", self.ready) as address:
            process = await asyncio.create_subprocess_exec(
                *_command(self._child),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, VARIABLE: address, "PYTHONUNBUFFERED": "1"},
                limit=LINE_BYTES_MAX,
                start_new_session=True,  # Ctrl-C reaches only us; we stop the children in order
            )
            self._process = process
            assert process.stdout is not None
            try:
                async for line in _lines(process.stdout):
                    self._tell(self._child.name, line)
                return await process.wait()
            finally:
                self._process = None if process.returncode is not None else process


def _command(child: Child) -> list[str]:
    """The child dies with us even when we are killed outright (prctl PR_SET_PDEATHSIG)."""
    command = [sys.executable, "-m", "cardea.cli.main", *child.arguments]
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", *command] if setpriv else command


def _describe(status: int) -> str:
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Lines of output; one that is too long is cut, not fatal."""
    while True:
        try:
            line = await stream.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                yield error.partial.decode(errors="replace")
            return
        except asyncio.LimitOverrunError as error:
            line = await stream.readexactly(error.consumed)
        yield line.decode(errors="replace").rstrip("\n")


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
