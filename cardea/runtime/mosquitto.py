"""Mosquitto as a child process, with a configuration and an access list written from the contract.

Who may read and write what: ``cardea.runtime.access``. What worked and what did not: MESSAGING.md.

Private keys have mode 0600, so the broker runs as the owner of its folder. Started as root, Mosquitto would
drop to the user ``mosquitto``, who cannot read them; so root hands over to the folder's owner, and where
that is root itself the configuration says ``user root``.
"""

import asyncio
import contextlib
import os
import pwd
import shutil
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cardea.runtime.access import AGGREGATOR, access_list, access_rules
from cardea.runtime.bus import PACKET_BYTES_MAX
from cardea.runtime.clock import Clock
from cardea.runtime.logs import Logger, get_logger
from cardea.runtime.notify import VARIABLE
from cardea.runtime.pki import KeyFiles
from cardea.runtime.private_files import write_private

READY_S_MAX = 10.0
STOP_S_MAX = 10.0
RETRY_S = 0.02
LINES_KEPT = 5
LINE_BYTES_MAX = 64 * 1024
INSTALL = "mosquitto is not installed; run: sudo apt-get install mosquitto"
_WHERE = "/usr/sbin:/usr/local/sbin:/sbin:/opt/homebrew/sbin:/usr/local/opt/mosquitto/sbin"
_RUNNING = " running"
_NOT_TLS = b"Are you there?\n"


class BrokerFailed(Exception):
    """The broker is not installed, did not start or ended; one line saying why."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """One broker: its folder (configuration, access list, retained messages) and its one TLS listener."""

    folder: Path
    host: str
    port: int
    ca_file: Path
    crl_file: Path
    server: KeyFiles
    aggregator: str = AGGREGATOR
    """The identity that may read and write for all gateways."""


def configuration(settings: BrokerSettings, user: str) -> str:
    """The text of ``mosquitto.conf``; ``user`` is whom Mosquitto becomes when it is started as root."""
    folder = settings.folder
    options: Sequence[tuple[str, object]] = (
        ("per_listener_settings", "false"),
        ("user", user),
        ("listener", f"{settings.port} {settings.host}"),
        ("cafile", settings.ca_file),
        ("crlfile", settings.crl_file),
        ("certfile", settings.server.cert_file),
        ("keyfile", settings.server.key_file),
        ("tls_version", "tlsv1.2"),
        ("require_certificate", "true"),
        ("use_identity_as_username", "true"),
        ("use_username_as_clientid", "true"),
        ("allow_anonymous", "false"),
        ("allow_zero_length_clientid", "false"),
        ("acl_file", folder / "access.acl"),
        ("persistence", "true"),
        ("persistence_location", f"{folder}/"),
        ("autosave_interval", 60),
        ("set_tcp_nodelay", "true"),
        ("max_packet_size", PACKET_BYTES_MAX),
        ("max_inflight_messages", 100),
        ("max_queued_messages", 10_000),
        ("max_queued_bytes", 64 * 1024 * 1024),
        ("persistent_client_expiration", "7d"),
        ("log_dest", "stderr"),
        ("log_timestamp", "false"),
        ("log_type", "error"),
        ("log_type", "warning"),
        ("log_type", "notice"),
        ("log_type", "information"),
    )
    return "".join(f"{name} {value}\n" for name, value in options)


class Mosquitto:
    """The broker's process: ``async with`` starts and stops it."""

    def __init__(self, settings: BrokerSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._log: Logger = get_logger("broker")
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._running = asyncio.Event()
        self._last_lines: deque[str] = deque(maxlen=LINES_KEPT)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    @property
    def pid(self) -> int | None:
        """The broker's process, while there is one."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Write the configuration, start the process, and return once it takes connections.

        Raises:
            BrokerFailed: not installed, or it ended or did not answer; what it said last is in the line.
        """
        command = self._command(self._write_files())
        self._running.clear()
        self._last_lines.clear()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env={name: value for name, value in os.environ.items() if name != VARIABLE},  # we say when
                start_new_session=True,
                limit=LINE_BYTES_MAX,
            )
        except OSError as error:
            raise BrokerFailed(f"{command[0]}: cannot be started: {error.strerror}") from error
        self._reading = asyncio.create_task(self._read_lines(self._process))
        try:
            async with asyncio.timeout(READY_S_MAX):
                await self._ready()
        except TimeoutError as error:
            await self.stop()
            raise BrokerFailed(f"mosquitto did not answer within {READY_S_MAX:.0f} s") from error
        except BaseException:
            await self.stop()
            raise
        self._log.info("broker_ready", host=self._settings.host, port=self._settings.port, pid=self.pid)

    async def wait(self) -> int:
        """The exit status, once the process has ended by itself or was stopped."""
        if self._process is None:
            raise BrokerFailed("the broker is not running")
        return await self._process.wait()

    async def stop(self) -> None:
        """End the process in good order, so that it saves what it retains; by force after ``STOP_S_MAX``."""
        process, self._process = self._process, None
        reading, self._reading = self._reading, None
        if process is None or reading is None:
            return
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(STOP_S_MAX):
                    await process.wait()
            except TimeoutError:
                self._log.error("broker_killed", after_s=STOP_S_MAX)
                process.kill()
                await process.wait()
        await reading

    async def restart(self) -> None:
        """Stop and start: the revocation list is read anew, and connections made before it are cut."""
        await self.stop()
        await self.start()

    def _write_files(self) -> Path:
        settings = self._settings
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = {
            settings.folder / "access.acl": access_list(access_rules(settings.aggregator)),
            settings.folder / "mosquitto.conf": configuration(settings, _user_name(settings.folder)),
        }
        owner = settings.folder.stat()
        for path, text in files.items():
            write_private(path, text.encode())
            os.chown(path, owner.st_uid, owner.st_gid)
        return settings.folder / "mosquitto.conf"

    def _command(self, config: Path) -> list[str]:
        path = f"{os.environ.get('PATH', os.defpath)}:{_WHERE}"
        mosquitto = shutil.which("mosquitto", path=path)
        if mosquitto is None:
            raise BrokerFailed(INSTALL)
        setpriv = shutil.which("setpriv", path=path)
        bound = (
            [setpriv, *_handed_over(self._settings.folder), "--pdeathsig", "TERM", "--"] if setpriv else []
        )
        return [*bound, mosquitto, "-c", str(config)]

    async def _ready(self) -> None:
        """The process says that it runs, and hangs up on somebody who does not speak TLS.

        The word comes before the main loop, and a signal in between would be lost (Mosquitto 2.0 sets its
        running flag last); a bare connection could reach another process that held the port before ours.
        """
        assert self._reading is not None
        said = asyncio.create_task(self._running.wait())
        try:
            await asyncio.wait((said, self._reading), return_when=asyncio.FIRST_COMPLETED)
        finally:
            said.cancel()
        while not self._reading.done():
            try:
                reader, writer = await asyncio.open_connection(self._settings.host, self._settings.port)
            except OSError:
                await self._clock.sleep(RETRY_S)
                continue
            writer.write(_NOT_TLS)
            with contextlib.suppress(OSError):
                await reader.read()
            writer.close()
            return
        raise BrokerFailed(f"mosquitto ended at once: {' / '.join(self._last_lines) or 'it said nothing'}")

    async def _read_lines(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:  # longer than LINE_BYTES_MAX; the reader has dropped it
                continue
            if not line:
                break
            self._heard(line.decode(errors="replace").strip())
        status = await process.wait()
        self._log.info("broker_ended", status=status)

    def _heard(self, text: str) -> None:
        self._last_lines.append(text)
        if text.startswith("mosquitto version") and text.endswith(_RUNNING):
            self._running.set()
        if text.startswith("Error"):
            self._log.error("broker_said", text=text)
        elif text.startswith("Warning"):
            self._log.warning("broker_said", text=text)
        else:
            self._log.debug("broker_said", text=text)


def _user_name(folder: Path) -> str:
    return pwd.getpwuid(folder.stat().st_uid).pw_name


def _handed_over(folder: Path) -> list[str]:
    """Change the user before Mosquitto starts: a later change would undo the parent-death signal."""
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return []
    return [f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--init-groups"]
