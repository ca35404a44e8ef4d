"""The aggregator's process: ledger, series store, aggregator, API and console on one event loop."""

import asyncio
import contextlib
import os
import socket
import zoneinfo
from collections.abc import Callable, Generator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from cardea.runtime.bus import Bus
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.config import Secrets
from cardea.runtime.logs import get_logger
from cardea.runtime.notify import READY, STOPPING, notify
from cardea.runtime.signing_keys import read_signing_key
from cloud.access.first_start import ADMIN, keep_password, make_administrator
from cloud.access.sessions import Sessions
from cloud.aggregator import Aggregator
from cloud.api.app import create_app
from cloud.console.reader import House
from cloud.ledger import Ledger
from cloud.ledger.scope import Role, Scope
from cloud.series.opening import series_store
from cloud.settings import CloudSettings, Console, OrganisationKind

SHUTDOWN_S_MAX = 3
BACKLOG = 128

_log = get_logger("cloud")


class ConsoleUnavailable(Exception):
    """The console's port cannot be had; one line saying why."""


async def serve(
    settings: CloudSettings,
    bus: Bus,
    clock: Clock,
    entropy: Entropy,
    *,
    stop: asyncio.Event,
    say: Callable[[str], None],
) -> None:
    """Run until ``stop``. ``say`` prints what a person must read once.

    Raises:
        FileUnusable: the order key or a secret cannot be used.
        LedgerTooNew, UnknownStore: the ledger cannot be used by this version.
        SeriesUnusable: the series store cannot be opened.
        LedgerFailed, SeriesFailed: a store failed; the process must end with an error (SAFETY.md R1).
        ConsoleUnavailable: the port is taken.
    """
    key = read_signing_key(settings.keys.order_key_file)
    with _listening(settings.console) as listener:
        async with contextlib.AsyncExitStack() as closing:
            ledger = await open_ledger(settings, clock)
            closing.push_async_callback(ledger.close)
            series = series_store(settings, ledger, clock, entropy)
            closing.push_async_callback(series.close)
            closing.callback(notify, STOPPING)
            aggregator = Aggregator(settings, bus, ledger, key, clock, entropy, series)
            await aggregator.start()
            await _first_login(settings, ledger, clock, entropy, say)
            house = House(
                ledger=ledger,
                aggregator=aggregator,
                sessions=Sessions(ledger, clock, entropy),
                clock=clock,
                zone=zoneinfo.ZoneInfo(settings.console.time_zone),
                series=series,
            )
            app = create_app(house, frozenset(settings.console.hosts), settings.cloud.data_dir / "console")
            await _run(aggregator, _Server(app), listener, stop)


async def open_ledger(settings: CloudSettings, clock: Clock) -> Ledger:
    """The ledger that the settings name; its folder is made with mode 0700.

    Raises:
        FileUnusable, LedgerTooNew, UnknownStore, LedgerFailed: as said there.
    """
    name = settings.ledger.password_secret
    password = None if name is None else Secrets(settings.cloud.secrets_dir)(name)
    settings.cloud.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return await Ledger.open(settings.ledger_url, clock, password=password)


class _Server(uvicorn.Server):
    """Serves on a loop and with signals that are ours."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=SHUTDOWN_S_MAX,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals belong to whoever made the loop."""
        yield


async def _run(aggregator: Aggregator, server: _Server, listener: socket.socket, stop: asyncio.Event) -> None:
    working = asyncio.create_task(aggregator.run(), name="aggregator")
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="console")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    while not (server.started or serving.done() or working.done()):
        await asyncio.wait((working, serving), timeout=0.05)
    host, port = listener.getsockname()[:2]
    _log.info("console_ready", url=f"http://{host}:{port}")
    notify(READY)
    try:
        done, _ = await asyncio.wait((working, serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        await asyncio.wait((serving,))
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
    for task in done:
        task.result()


@contextlib.contextmanager
def _listening(console: Console) -> Generator[socket.socket]:
    family = socket.AF_INET6 if ":" in console.bind else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((console.bind, console.port))
            listener.listen(BACKLOG)
        except OSError as error:
            where = f"{console.bind} port {console.port}"
            raise ConsoleUnavailable(f"cannot listen on {where}: {os.strerror(error.errno or 0)}") from error
        yield listener


async def _first_login(
    settings: CloudSettings, ledger: Ledger, clock: Clock, entropy: Entropy, say: Callable[[str], None]
) -> None:
    """The first administrator manages the first property company that the settings declare."""
    owners = [k for k, o in settings.organisations.items() if o.kind is OrganisationKind.PROPERTY]
    organisation = (owners or list(settings.organisations))[0]
    password = await make_administrator(ledger, Scope(organisation, Role.MANAGER), clock, entropy)
    if password is None:
        return
    file: Path | None = settings.console.admin_password_file
    if file is not None:
        keep_password(file, password)
    say(f"first login: {ADMIN}, password {password} (shown this once)")
