"""Writes °C as a NumPy file, frame by frame: (h, w) of one frame, (frames, h, w) of several."""

import io
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import numpy as np
import numpy.typing as npt

from cardea.cli.errors import CommandError

_DESCR = "<f4"


class NpyFile:
    """Grows beside its place under a name of its own and is moved there when it is whole."""

    def __init__(self, path: Path) -> None:
        """Nothing is written before the first frame.

        Raises:
            CommandError: something else than a file is there.
        """
        if path.exists() and not path.is_file():
            raise CommandError(f"{path}: is no file")
        self._path = path
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._file: BinaryIO | None = None
        self._shape: tuple[int, ...] = ()
        self._frames = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:  # it was not finished
            with suppress(OSError):
                self._file.close()
            self._part.unlink(missing_ok=True)

    def add(self, temps_c: npt.NDArray[np.float32]) -> None:
        """One more frame (h, w), of the size of the first.

        Raises:
            CommandError: it cannot be written.
        """
        with self._refusal():
            if self._file is None:
                self._shape = temps_c.shape
                self._file = self._part.open("xb")
                self._file.write(_header(self._shape))
            self._file.write(temps_c.astype(_DESCR, order="C", copy=False).tobytes())
        self._frames += 1

    def finish(self) -> None:
        """Say how many frames there are, and move the file to its place.

        Raises:
            CommandError: it cannot be written.
        """
        if self._file is None:
            return
        shape = self._shape if self._frames == 1 else (self._frames, *self._shape)
        with self._refusal():
            self._file.seek(0)
            self._file.write(_header(shape))
            self._file.close()
            self._part.replace(self._path)
        self._file = None

    @contextmanager
    def _refusal(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise CommandError(f"{self._path}: cannot be written: {error.strerror}") from error


def _header(shape: tuple[int, ...]) -> bytes:
    """The file's head, equally long whatever the number of frames: NumPy leaves room for it to grow."""
    content = io.BytesIO()
    said = {"descr": _DESCR, "fortran_order": False, "shape": shape}
    cast("Any", np.lib.format).write_array_header_1_0(content, said)
    return content.getvalue()
