"""A model from its publisher's own address into a folder: bounded, checked, in place whole or not at all."""

from collections.abc import Callable
from pathlib import Path

import httpx

from cardea.runtime.private_files import write_whole
from models.registry import Model, is_the_model

WAIT_S_MAX = 15.0
"""For a connection, and for each next piece."""
_HEADERS = {"accept-encoding": "identity", "user-agent": "cardea-models"}

Progress = Callable[[int], None]
"""Told how many bytes there are so far."""


class PullFailed(Exception):
    """The model could not be had; one line saying why."""


def pull(model: Model, folder: Path, progress: Progress) -> Path:
    """Fetch ``model`` from the first of its addresses that gives it; begins anew each time.

    Raises:
        PullFailed: no address gives these very bytes, or the folder cannot be written.
    """
    refusals: list[str] = []
    for address in model.addresses:
        try:
            content = _fetched(address, model, progress)
        except PullFailed as error:
            refusals.append(str(error))
            continue
        path = folder / model.file
        try:
            write_whole(path, content)
        except OSError as error:
            raise PullFailed(f"{path}: cannot be written: {error.strerror}") from error
        return path
    raise PullFailed(f"model {model.name} cannot be pulled: {'; '.join(refusals)}")


def _fetched(address: str, model: Model, progress: Progress) -> bytes:
    content = bytearray()
    try:
        with httpx.stream(
            "GET", address, headers=_HEADERS, timeout=WAIT_S_MAX, follow_redirects=True
        ) as response:
            if not response.is_success:
                raise PullFailed(f"{address} answers {response.status_code}")
            for piece in response.iter_bytes():
                content += piece
                if len(content) > model.size_bytes:
                    raise PullFailed(f"{address} gives more than the model's {model.size_bytes} bytes")
                progress(len(content))
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise PullFailed(f"{address} cannot be reached: {error or type(error).__name__}") from error
    if not is_the_model(model, bytes(content)):
        raise PullFailed(f"{address} gives something else than the model that was pinned; nothing was kept")
    return bytes(content)
