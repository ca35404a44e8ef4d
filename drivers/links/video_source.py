"""OpenCV's side of a video link: opening a file, a stream or a camera, and pictures out of it.

The only place that knows OpenCV's capture interface. Its FFmpeg prints addresses with their passwords to
standard error when a connection fails, so both are told to be silent before the first capture.
"""

import os
from pathlib import Path
from urllib.parse import quote, urlsplit

from drivers.api import DeviceLost, DeviceMisconfigured
from drivers.links.pixel_formats import PIXEL_FORMATS, Pixels
from drivers.links.settings import VideoSettings

PIXELS_MAX = 2560 * 1600
"""Larger pictures cost memory and time and show no more of a face at a door."""
FPS_BELIEVED_MAX = 240.0
_FILE_FPS = 25.0
"""Pace of a file that does not say its own."""
_QUIET = {"OPENCV_FFMPEG_LOGLEVEL": "-8", "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "5"}


def is_stream(source: str) -> bool:
    """Whether ``source`` is an address on the network."""
    return "://" in source


def is_file(source: str) -> bool:
    """Whether ``source`` is a recording: it has an end and a pace of its own."""
    return not is_stream(source) and not source.startswith("/dev/")


def address(source: str, password: str | None) -> str:
    """What OpenCV is told to open: ``source`` with its password put in. Never to be logged."""
    if password is None:
        return source
    parts = urlsplit(source)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()


def silence() -> None:
    """Let OpenCV and its FFmpeg print nothing; FFmpeg asks once, when it is first used."""
    for key, value in _QUIET.items():
        os.environ.setdefault(key, value)
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class VideoSource:
    """One opened source; used by one thread."""

    def __init__(self, name: str, settings: VideoSettings, password: str | None) -> None:
        """Open it; blocks up to ``open_s_max`` where the backend can be told so.

        Raises:
            DeviceLost: not there, not answering, no video, or taken by another program.
            DeviceMisconfigured: no right to read it.
        """
        silence()
        import cv2  # only a gateway with a camera pays for it

        self._name = name
        self._source = settings.source
        self._format = PIXEL_FORMATS[settings.pixel_format]
        if not is_stream(settings.source):
            _must_be_readable(name, Path(settings.source))
        at = address(settings.source, password)
        if settings.source.startswith("/dev/"):
            self._capture = cv2.VideoCapture(at, cv2.CAP_V4L2)
        else:
            self._capture = cv2.VideoCapture(at, cv2.CAP_FFMPEG, _limits(settings))
        if not self._capture.isOpened():
            raise _not_opened(name, settings.source)
        self._ask_for_format(settings)
        self.period_s = self._own_period_s()
        """Time between two pictures of a recording, which has no pace but this; 0 for what is live."""

    def advance(self) -> bool:
        """Step to the next picture without decoding it where that can be spared; ``False`` at the end."""
        return self._capture.grab()

    def pixels(self) -> Pixels | None:
        """The picture stepped to; ``None`` when it could not be decoded.

        Raises:
            DeviceMisconfigured: the source gives another pixel format than the settings say, or too large a
                picture.
        """
        decoded, frame = self._capture.retrieve()
        if not decoded:
            return None
        height, width = frame.shape[:2]
        if height * width > PIXELS_MAX:
            raise DeviceMisconfigured(
                f"link {self._name}: pictures of {width}×{height} are too large; name a smaller stream"
            )
        found = self._format.read(frame, *self._size())
        if found is None:
            wanted = self._format.wanted
            raise DeviceMisconfigured(
                f"link {self._name}: {self._source} does not give {wanted}; correct pixel_format"
            )
        return found

    def close(self) -> None:
        """Give the source back."""
        self._capture.release()

    def _size(self) -> tuple[int, int]:
        """Columns and rows that the source says it has."""
        import cv2

        width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        return width, int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))

    def _ask_for_format(self, settings: VideoSettings) -> None:
        import cv2

        if not self._source.startswith("/dev/"):
            return
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if self._format.fourcc is not None:
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*self._format.fourcc))
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        if settings.width is not None and settings.height is not None:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)

    def _own_period_s(self) -> float:
        import cv2

        if not is_file(self._source):
            return 0.0
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        return 1.0 / (fps if 0 < fps <= FPS_BELIEVED_MAX else _FILE_FPS)


def _limits(settings: VideoSettings) -> list[int]:
    import cv2

    limits = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        int(settings.open_s_max * 1000),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        int(settings.silence_s_max * 1000),
    ]
    return [*limits, *PIXEL_FORMATS[settings.pixel_format].unconverted]


def _must_be_readable(name: str, path: Path) -> None:
    if not path.exists():
        raise DeviceLost(f"link {name}: {path} is not there")
    if path.is_dir() or not os.access(path, os.R_OK):
        advice = "name a file or device that the service's user may read (a camera: the group video)"
        raise DeviceMisconfigured(f"link {name}: {path} cannot be read; {advice}")


def _not_opened(name: str, source: str) -> DeviceLost:
    """Worth another try in each case: a recording, too, may be under way only now."""
    if is_stream(source):
        return DeviceLost(f"link {name}: {source} gives no video (away, or not this user and password)")
    if is_file(source):
        return DeviceLost(f"link {name}: {source} holds no video that can be decoded")
    return DeviceLost(f"link {name}: {source} cannot be opened; another program may have it")
