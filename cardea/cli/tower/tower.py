"""The life of ``cardea up``: make the folder complete, start the processes in order, stop them in order."""

import asyncio
import fcntl
import signal
import sys
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path

from cardea.cli.errors import CommandError
from cardea.cli.tower.children import Child, Running, bound, cardea
from cardea.cli.tower.duty import Duty, OnSite
from cardea.cli.tower.layout import Layout, is_free, missing_tables, write_configs
from cardea.cli.tower.merge import MergedLog
from cardea.cli.tower.provision import provision
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.config import ConfigInvalid
from cardea.runtime.private_files import write_private
from cloud.settings import load_cloud

BEGIN_ANEW = "it runs as it is; remove it to begin anew with all devices"
STOP_ORDER = ("gateway", "sim", "cloud", "broker")
"""The gateway first, so that it can still say goodbye; the broker last."""


async def run_tower(folder: Path, console_port: int | None) -> int:
    """Run the tower in ``folder`` until SIGINT or SIGTERM; returns the exit status.

    Raises:
        CommandError: the folder cannot be used, or a port that must be free is taken.
    """
    layout = Layout(folder)
    clock, entropy = SystemClock(), SystemEntropy()
    say = MergedLog(sys.stderr)
    with _alone(layout.folder):
        write_configs(layout, console_port)
        provision(layout, clock, entropy)
        if missing := missing_tables(layout):
            say("tower", f"{folder} is an earlier version's, without {', '.join(missing)}; {BEGIN_ANEW}")
        port = _console_port(layout)
        if not is_free(port):
            raise CommandError(
                f"port {port} is taken; free it, or change [console] port in {layout.config('cloud')}"
            )
        asked = _asked_to_stop()
        await _import_people(layout, say)
        running = {child.name: Running(child, clock, entropy, say) for child in _children(layout)}
        duty = Duty(f"http://127.0.0.1:{port}", layout.admin_password, _on_site(layout), clock, say)
        on_duty: asyncio.Task[None] | None = None
        try:
            for child in running.values():
                if not asked.is_set():
                    await _first(child.start(), asked)
            if not asked.is_set():
                _greet(layout, port)
                on_duty = asyncio.create_task(duty.run())
                await asked.wait()
        finally:
            say("tower", "stopping")
            if on_duty is not None:
                on_duty.cancel()
                await asyncio.gather(on_duty, return_exceptions=True)
            for name in STOP_ORDER:
                await running[name].stop()
            say("tower", "stopped")
    return 0


def _children(layout: Layout) -> tuple[Child, ...]:
    def child(name: str, *command: str) -> Child:
        return Child(name, cardea(*command, "--config", str(layout.config(name))))

    return (
        child("broker", "broker", "run"),
        child("sim", "sim", "run"),
        child("cloud", "cloud", "run"),
        child("gateway", "edge", "run"),
    )


async def _import_people(layout: Layout, say: MergedLog) -> None:
    """The people of the simulated world become those of the gateway's vault.

    The file gets its name only once the vault has taken it in, so that a start cut short begins again.
    """
    people = await _output("sim", "people", "--config", str(layout.config("sim")))
    taken = layout.folder / "sim" / "people.csv"
    if taken.exists() and taken.read_bytes() == people:
        return
    offered = taken.with_suffix(".new")
    write_private(offered, people)
    told = await _output("edge", "import-people", str(offered), "--config", str(layout.config("gateway")))
    offered.replace(taken)
    say("tower", told.decode(errors="replace").strip())


def _on_site(layout: Layout) -> OnSite:
    """Runs a command beside the gateway; what it says, in one line."""

    async def run(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *bound(cardea(*arguments, "--config", str(layout.config("gateway")))),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only us; it ends soon by itself
        )
        output, _ = await process.communicate()
        return output.decode(errors="replace").strip()

    return run


async def _output(*arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *bound(cardea(*arguments)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches only us; it ends soon by itself
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise CommandError(
            f"cardea {' '.join(arguments[:2])} failed; its message stands above", process.returncode or 1
        )
    return output


async def _first(start: Coroutine[None, None, None], asked: asyncio.Event) -> None:
    """Wait for a child to be ready, but not longer than until somebody wants to stop."""
    begun = asyncio.create_task(start)
    stop = asyncio.create_task(asked.wait())
    await asyncio.wait((begun, stop), return_when=asyncio.FIRST_COMPLETED)
    for task in (begun, stop):
        task.cancel()
    await asyncio.gather(begun, stop, return_exceptions=True)


def _asked_to_stop() -> asyncio.Event:
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    return asked


def _console_port(layout: Layout) -> int:
    try:
        return load_cloud(layout.config("cloud")).console.port
    except ConfigInvalid as error:
        raise CommandError(str(error)) from error


def _greet(layout: Layout, port: int) -> None:
    login = f"login admin, password in {layout.admin_password}" if layout.admin_password.exists() else ""
    print(f"\n  Cardea is up: http://127.0.0.1:{port}   {login}\n  Ctrl-C stops it.\n", flush=True)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Hold the folder's lock, so that two towers do not run in one folder."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise CommandError(f"cannot use {error.filename}: {error.strerror}; choose another folder") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"a tower is running in {folder} already; stop it first") from None
        yield
