"""Shows radiometric files as if a camera took them now."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cardea.contract.reasons import RefusalReason
from cardea.runtime.clock import Clock
from cardea.runtime.logs import get_logger
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
from drivers.thermal.flir_file.content import NotRadiometric
from drivers.thermal.flir_file.decode import read_one, rejected
from drivers.thermal.flir_file.opened import opened
from drivers.thermal.flir_file.recording import recording
from drivers.thermal.flir_file.settings import FlirFileSettings

FILES_MAX = 10_000
SUFFIXES = frozenset({".jpg", ".jpeg", ".fff", ".seq", ".csq", ".tif", ".tiff"})
_log = get_logger("flir_file")


def open_files(settings: FlirFileSettings, context: DeviceContext) -> Device:
    """The session; what stands at the path is looked at when it runs."""
    return FlirFileSession(settings, context)


class FlirFileSession:
    """One file or folder."""

    def __init__(self, settings: FlirFileSettings, context: DeviceContext) -> None:
        self._settings = settings
        self._context = context
        self._camera: tuple[str, str, str] | None = None
        self._assumed: Sequence[str] = ()

    async def run(self, emit: Emit) -> None:
        """Show the frames of the files, over and over or once (DeviceLost at the end).

        A file that is none of a FLIR camera is a Reject, and the next one follows. A folder is looked
        through again before each round.

        Raises:
            DeviceMisconfigured: there are no files, or they may not be read.
        """
        while True:
            for path in await asyncio.to_thread(files_of, self._settings.path):
                await self._show(path, emit)
            if not self._settings.loop:
                raise DeviceLost(f"{self._context.device}: {self._settings.path} has ended")

    async def _show(self, path: Path, emit: Emit) -> None:
        clock = self._context.clock
        frames = _frames(path, self._settings.tlinear_gain_k, clock, self._tell)
        # which closes its file when it is let go, also by a thread that a cancellation left behind
        while True:
            began_s = clock.monotonic_s()
            try:
                shown = await asyncio.to_thread(next, frames, None)
            except OSError as error:
                raise DeviceMisconfigured(f"{path}: cannot be read: {error.strerror}") from error
            if shown is None:
                return
            for event in shown:
                if not (isinstance(event, DeviceIdentified) and self._known(event)):
                    await emit(event)
            await clock.sleep(max(0.0, self._settings.interval_s - (clock.monotonic_s() - began_s)))

    async def submit(self, command: Command) -> Receipt:
        """Files take no orders."""
        return NotExecuted(RefusalReason.UNSUPPORTED, f"files cannot do {type(command).__name__}")

    def _tell(self, path: Path, assumed: Sequence[str]) -> None:
        """Log what a file does not say, unless the one before did not say it either."""
        if assumed and assumed != self._assumed:
            _log.warning("assumed", device=self._context.device, file=str(path), assumed="; ".join(assumed))
        self._assumed = assumed

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


def _frames(
    path: Path, gain_k: float | None, clock: Clock, tell: Callable[[Path, Sequence[str]], None]
) -> Iterator[list[DeviceEvent]]:
    """What each frame of a file says, read one by one; a Reject when there is none."""
    with opened(path) as content:
        try:
            frames = recording(content, gain_k)
        except NotRadiometric as why:
            yield [rejected(content, clock.now(), why)]
            return
        tell(path, frames.assumed)
        for number in range(len(frames)):
            if shown := read_one(frames, number, content, clock.now()):
                yield shown
