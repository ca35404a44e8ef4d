"""Shows radiometric files as if a camera took them now."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from cardea.contract.reasons import RefusalReason
from cardea.contract.time import Instant
from drivers.api import (
    Command,
    Device,
    DeviceContext,
    DeviceEvent,
    DeviceIdentified,
    DeviceLost,
    DeviceMisconfigured,
    Emit,
    NotExecuted,
    Receipt,
)
from drivers.thermal.flir_file.decode import FILE_BYTES_MAX, FileDecoder
from drivers.thermal.flir_file.settings import FlirFileSettings

FILES_MAX = 10_000
SUFFIXES = frozenset({".jpg", ".jpeg", ".fff"})


def open_files(settings: FlirFileSettings, context: DeviceContext) -> Device:
    """The session; what stands at the path is looked at when it runs."""
    return FlirFileSession(settings, context)


class FlirFileSession:
    """One file or folder."""

    def __init__(self, settings: FlirFileSettings, context: DeviceContext) -> None:
        self._settings = settings
        self._context = context
        self._camera: tuple[str, str, str] | None = None

    async def run(self, emit: Emit) -> None:
        """Show the files, over and over or once (DeviceLost at the end).

        A file that is none of a FLIR camera is a Reject, and the next one follows. A folder is looked
        through again before each round.

        Raises:
            DeviceMisconfigured: there are no files, or they may not be read.
        """
        while True:
            for path in await asyncio.to_thread(files_of, self._settings.path):
                began_s = self._context.clock.monotonic_s()
                content = await asyncio.to_thread(_read, path)
                for event in await asyncio.to_thread(self._events, content, self._context.clock.now()):
                    await emit(event)
                shown_s = self._context.clock.monotonic_s() - began_s
                await self._context.clock.sleep(max(0.0, self._settings.interval_s - shown_s))
            if not self._settings.loop:
                raise DeviceLost(f"{self._context.device}: {self._settings.path} has ended")

    async def submit(self, command: Command) -> Receipt:
        """Files take no orders."""
        return NotExecuted(RefusalReason.UNSUPPORTED, f"files cannot do {type(command).__name__}")

    def _events(self, content: bytes, now: Instant) -> Sequence[DeviceEvent]:
        decoder = FileDecoder(self._settings)
        events = [*decoder.feed(content, now), *decoder.finish(now)]
        return [event for event in events if not (isinstance(event, DeviceIdentified) and self._known(event))]

    def _known(self, camera: DeviceIdentified) -> bool:
        before, self._camera = self._camera, (camera.model, camera.firmware, camera.serial)
        return before == self._camera


def files_of(path: Path) -> list[Path]:
    """The file, or the folder's radiometric files by name, at most ``FILES_MAX``.

    Raises:
        DeviceMisconfigured: there is none.
    """
    inside = path.iterdir() if path.is_dir() else iter((path,))
    found = sorted(each for each in inside if each.is_file())
    wanted = [each for each in found if each == path or each.suffix.lower() in SUFFIXES][:FILES_MAX]
    if not wanted:
        raise DeviceMisconfigured(f"{path}: no radiometric file ({', '.join(sorted(SUFFIXES))}) is here")
    return wanted


def _read(path: Path) -> bytes:
    """At most one byte more than is decoded, so that too long a file is noticed."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise DeviceMisconfigured(f"{path}: cannot be read: {error.strerror}") from error
