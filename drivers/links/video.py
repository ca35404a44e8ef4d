"""Video: a file, an RTSP stream or a camera of this machine, as pictures for the devices on the link.

OpenCV blocks, so one thread of the link's own reads and nobody waits for it: a picture that has not been
fetched when the next one comes is thrown away. A stopped link leaves its thread to end by itself, at the
latest with its read's time-out; a link run again waits for it, so that no source is open twice.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from weakref import WeakSet

from cardea.contract.time import Instant
from cardea.runtime.clock import Clock
from drivers.api import DeviceLost, LinkKind, Secrets
from drivers.links.pixel_formats import Pixels
from drivers.links.settings import VideoSettings
from drivers.links.video_source import VideoSource, is_file

_EARLY = 0.1
"""A picture this fraction of the period before its time is taken: cameras keep time only nearly."""


@dataclass(frozen=True, slots=True, eq=False)
class VideoPicture:
    """One picture."""

    pixels: Pixels
    """As the link's pixel format has it (``Pixels``); not written to again."""
    at: Instant
    """When it was read."""
    number: int
    """Which picture of the link it is, from 1; those that nobody was handed count, too."""


class Pictures(AsyncIterator[VideoPicture]):
    """One device's eye on a link: always the newest picture that it has not had yet."""

    def __init__(self) -> None:
        self._newest: VideoPicture | None = None
        self._lost: str | None = None
        self._changed = asyncio.Event()

    async def __anext__(self) -> VideoPicture:
        """The newest picture, or the next one.

        Raises:
            DeviceLost: the link was lost after the last picture; asked again, it waits for the link's return.
        """
        while True:
            picture, self._newest = self._newest, None
            if picture is not None:
                return picture
            why, self._lost = self._lost, None
            if why is not None:
                raise DeviceLost(why)
            self._changed.clear()
            await self._changed.wait()

    def offer(self, picture: VideoPicture) -> None:
        """Take the newest picture in, in place of one that has not been fetched."""
        self._newest = picture
        self._changed.set()

    def lose(self, why: str) -> None:
        """The link is lost."""
        self._lost = why
        self._changed.set()


class VideoLink:
    """One source, read by one thread, seen by every device that asks for its pictures."""

    def __init__(self, name: str, settings: VideoSettings, clock: Clock, secrets: Secrets) -> None:
        self.name = name
        self._settings = settings
        self._clock = clock
        self._secrets = secrets
        self._eyes: WeakSet[Pictures] = WeakSet()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"video-{name}")

    @property
    def kind(self) -> LinkKind:
        """What sort of link this is."""
        return LinkKind.VIDEO

    def pictures(self) -> Pictures:
        """From now on the newest picture each time; attached for as long as somebody holds it."""
        eye = Pictures()
        self._eyes.add(eye)
        return eye

    async def run(self) -> None:
        """Open the source and hand its pictures out until it is lost.

        Raises:
            DeviceLost: not there, silent for ``silence_s_max``, or at its end.
            DeviceMisconfigured: no right to read it, its password's secret is missing, or its pictures are of
                another pixel format than was asked for.
        """
        secret = self._settings.password_secret
        password = None if secret is None else self._secrets(secret)
        hand = _Hand(asyncio.get_running_loop())
        reading = asyncio.get_running_loop().run_in_executor(self._worker, self._read, hand, password)
        reading.add_done_callback(hand.ended)
        why = "the link was stopped"
        try:
            await self._hand_out(hand, reading)
        except Exception as error:
            why = str(error)
            raise
        finally:
            hand.stop.set()
            reading.cancel()
            for eye in tuple(self._eyes):
                eye.lose(why)

    async def _hand_out(self, hand: "_Hand", reading: "asyncio.Future[None]") -> None:
        wait_s = self._settings.open_s_max + self._settings.silence_s_max
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    await hand.changed.wait()
            except TimeoutError:
                where = f"link {self.name}: {self._settings.source}"
                raise DeviceLost(f"{where}: no picture for {wait_s:g} s") from None
            hand.changed.clear()
            picture = hand.take()
            if picture is not None:
                wait_s = self._settings.silence_s_max
                for eye in tuple(self._eyes):
                    eye.offer(picture)
            if reading.done():
                reading.result()
                raise DeviceLost(f"link {self.name}: {self._settings.source} was closed")

    # --- in the worker thread -----------------------------------------------------------------------

    def _read(self, hand: "_Hand", password: str | None) -> None:
        """Open and read until told to stop; a recording that loops is opened again at its end."""
        while not hand.stop.is_set():
            before = hand.number
            source = VideoSource(self.name, self._settings, password)
            try:
                self._play(source, hand)
            finally:
                source.close()
            recorded = is_file(self._settings.source)
            again = recorded and self._settings.loop and hand.number > before
            if not again and not hand.stop.is_set():
                ended = "has ended" if recorded else "sends nothing more"
                raise DeviceLost(f"link {self.name}: {self._settings.source} {ended}")

    def _play(self, source: VideoSource, hand: "_Hand") -> None:
        period_s = 1.0 / self._settings.fps_max
        due_s = shown_s = self._clock.monotonic_s()
        while not hand.stop.is_set() and source.advance():
            hand.number += 1
            shown_s += source.period_s
            now_s = self._clock.monotonic_s()
            if now_s >= due_s - _EARLY * period_s:
                pixels = source.pixels()
                if pixels is not None:
                    due_s = max(due_s + period_s, now_s)
                    hand.put(VideoPicture(pixels, self._clock.now(), hand.number))
            if source.period_s:
                hand.stop.wait(max(0.0, shown_s - now_s))


class _Hand:
    """From the thread to the loop: one picture, and the word to stop the other way."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._picture: VideoPicture | None = None
        self.changed = asyncio.Event()
        self.stop = threading.Event()
        self.number = 0
        """Pictures read; the thread's."""

    def put(self, picture: VideoPicture) -> None:
        """Called in the thread; wakes the loop once for however many pictures it lets wait."""
        with self._lock:
            woken = self._picture is not None
            self._picture = picture
        if not woken:
            self._loop.call_soon_threadsafe(self.changed.set)

    def take(self) -> VideoPicture | None:
        """The newest picture, once."""
        with self._lock:
            picture, self._picture = self._picture, None
        return picture

    def ended(self, reading: "asyncio.Future[None]") -> None:
        """The thread is through, and its error, if any, has been noticed."""
        if not reading.cancelled():
            reading.exception()
        self.changed.set()
