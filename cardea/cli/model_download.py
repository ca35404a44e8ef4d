"""A model's published files from their publishers' own addresses, or from a folder, made into the model.

What comes is written to a ``.part`` file beside, so that an interrupted download goes on where it stopped;
the model itself comes into place whole and checked, or not at all.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from cardea.cli.model_part import Part
from cardea.runtime.private_files import write_whole
from models.registry import Model, ModelProblem, Published, is_the_model

WAIT_S_MAX = 15.0
"""For a connection, and for each next piece."""
FILES_MAX = 20_000
"""Looked through in a folder, at the most."""
_HEADERS = {"accept-encoding": "identity", "user-agent": "cardea-models"}
_PARTIAL, _NOT_SATISFIABLE = 206, 416

Progress = Callable[[Published, int], None]
"""Told of which file how many bytes there are so far."""


class PullFailed(Exception):
    """The model could not be had; one line saying why."""


def pull(model: Model, folder: Path, progress: Progress) -> Path:
    """Fetch what ``model`` is made of, each from the first of its addresses that gives it.

    Raises:
        PullFailed: no address gives these very bytes, or the folder cannot be written.
    """
    parts = [Part(folder, published) for published in model.published]
    path = _put(model, folder, [_fetched(model, part, progress) for part in parts])
    for part in parts:
        part.drop()
    return path


def take(model: Model, folder: Path, source: Path) -> Path:
    """Make ``model`` of published files that lie in ``source`` or below it.

    Raises:
        PullFailed: one is not there or is another, or the folder cannot be written.
    """
    return _put(model, folder, [_found(published, source) for published in model.published])


def _put(model: Model, folder: Path, contents: list[bytes]) -> Path:
    content = _made(model, contents)
    if not is_the_model(model, content):
        raise PullFailed(f"model {model.name}: what is made of the published files is not what was pinned")
    path = folder / model.file
    try:
        write_whole(path, content)
    except OSError as error:
        raise PullFailed(f"{path}: cannot be written: {error.strerror}") from error
    return path


def _made(model: Model, contents: list[bytes]) -> bytes:
    """The model's bytes: the one published file, or what its IR becomes."""
    if not model.derived_from:
        return contents[0]
    from models.openvino.convert import onnx_of  # brings onnx

    graph, weights = contents
    (input_name,), (output_name,) = model.inputs, model.known_answer.values
    try:
        return onnx_of(graph, weights, input_name=input_name, output_name=output_name)
    except ModelProblem as error:
        raise PullFailed(f"model {model.name}: {error}") from error


def _fetched(model: Model, part: Part, progress: Progress) -> bytes:
    refusals: list[str] = []
    for address in part.published.addresses:
        for attempt in _attempts(address, part, progress):
            if isinstance(attempt, bytes):
                return attempt
            refusals.append(attempt)
    raise PullFailed(f"model {model.name} cannot be pulled: {'; '.join(refusals)}")


def _attempts(address: str, part: Part, progress: Progress) -> Iterator[bytes | str]:
    """What the address gives, or why not; what was kept of another file is forgotten and asked for anew."""
    resumed = part.size > 0
    try:
        yield _asked(address, part, progress)
    except PullFailed as error:
        if not resumed or part.size > 0:
            yield str(error)
            return
        try:
            yield _asked(address, part, progress)
        except PullFailed as again:
            yield str(again)


def _asked(address: str, part: Part, progress: Progress) -> bytes:
    """One request, going on after what is kept."""
    published, kept = part.published, part.size
    headers = {**_HEADERS, "range": f"bytes={kept}-"} if 0 < kept < published.size_bytes else _HEADERS
    if kept < published.size_bytes:
        try:
            with httpx.stream(
                "GET", address, headers=headers, timeout=WAIT_S_MAX, follow_redirects=True
            ) as response:
                _take(response, address, part, progress)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise PullFailed(f"{address} cannot be reached: {error or type(error).__name__}") from error
    if part.size < published.size_bytes:
        raise PullFailed(f"{address} gives {part.size} of {published.size_bytes} bytes; run again to go on")
    content = part.read()
    if not is_the_model(published, content):
        part.drop()
        raise PullFailed(f"{address} gives something else than the file that was pinned; nothing was kept")
    return content


def _take(response: httpx.Response, address: str, part: Part, progress: Progress) -> None:
    if response.status_code == _NOT_SATISFIABLE:
        part.drop()
        raise PullFailed(f"{address} has no more than was kept; that was another file")
    if not response.is_success:
        raise PullFailed(f"{address} answers {response.status_code}")
    goes_on = f"bytes {part.size}-"
    if response.status_code != _PARTIAL or not response.headers.get("content-range", "").startswith(goes_on):
        if response.status_code == _PARTIAL:
            part.drop()
            raise PullFailed(f"{address} gives another piece than was asked for")
        part.drop()
    for piece in response.iter_bytes():
        if part.size + len(piece) > part.published.size_bytes:
            part.drop()
            raise PullFailed(f"{address} gives more than the file's {part.published.size_bytes} bytes")
        try:
            part.add(piece)
        except OSError as error:
            raise PullFailed(f"{part.path}: cannot be written: {error.strerror}") from error
        progress(part.published, part.size)
    if "content-length" in response.headers and part.size < part.published.size_bytes:
        shorter, whole = part.size, part.published.size_bytes
        part.drop()
        raise PullFailed(f"{address} gives a file of {shorter} bytes, not the {whole} that were pinned")


def _found(published: Published, source: Path) -> bytes:
    """The published file in a folder, or the only one of its name below it."""
    if not source.is_dir():
        raise PullFailed(f"{source}: is no folder; name the one that holds {published.file}")
    direct = source / published.file
    try:
        paths = [direct] if direct.is_file() else _below(source, published.file)
        if len(paths) != 1:
            raise PullFailed(f"{source}: holds {len(paths)} files {published.file} where one is needed")
        with paths[0].open("rb") as file:
            content = file.read(published.size_bytes + 1)
    except OSError as error:
        raise PullFailed(f"{source}: cannot be read: {error.strerror}") from error
    if not is_the_model(published, content):
        raise PullFailed(f"{paths[0]}: is not the file that was pinned")
    return content


def _below(source: Path, name: str) -> list[Path]:
    found: list[Path] = []
    for seen, path in enumerate(source.rglob("*")):
        if seen == FILES_MAX:
            raise PullFailed(f"{source}: holds more than {FILES_MAX} files; name the folder of the models")
        if path.name == name and path.is_file():
            found.append(path)
    return found
