"""The models of the gateway's own checks: which there are, where they lie, and that they are the right ones.

The manifest is part of the product: name, SHA-256, size, licence and the publisher's own addresses. Nothing
is fetched at run time; ``cardea models pull`` does that when somebody asks. What is loaded are the very bytes
whose SHA-256 has been checked (SAFETY.md item 32).
"""

import hashlib
import importlib.resources
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

FOLDER_VARIABLE = "CARDEA_MODEL_DIR"
MANIFEST = "manifest.json"


class ModelProblem(Exception):
    """A model cannot be used; one line saying what to do."""


class ModelUnavailable(ModelProblem):
    """The model lies in none of the folders, or cannot be read there."""


class ModelTampered(ModelProblem):
    """There is a file of the model's name that is not the model; it is refused."""


class ModelUnusable(ModelProblem):
    """The model is right and does not do what it should on this machine."""


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file as its publisher offers it."""

    file: str
    sha256: str
    size_bytes: int
    addresses: tuple[str, ...]
    """The publisher's own; tried in order."""


class KnownAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the network says of the test picture after the preprocessing below: other colours, another scale
    or another network say something else.
    """

    side_px: int
    """Of the square test picture that is handed to the preprocessing."""
    tolerance: float
    means: dict[str, float] = {}
    """By output: its mean."""
    values: dict[str, tuple[float, ...]] = {}
    """By output: its first values."""


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the manifest."""

    name: str
    file: str
    sha256: str
    size_bytes: int
    licence: str
    purpose: str
    default: bool
    """Whether it is pulled when nobody says which."""
    inputs: dict[str, tuple[int | None, ...]]
    """Shape by name; ``None`` where any size goes."""
    preprocessing: str
    """What happens to a picture before it goes in; for people, the code is beside the network."""
    known_answer: KnownAnswer
    addresses: tuple[str, ...] = ()
    """The publisher's own; tried in order. Empty where the file is made of published ones."""
    derived_from: tuple[Published, ...] = ()
    """The published files (OpenVINO IR: graph, then weights) that the file is made of, byte for byte."""

    @property
    def published(self) -> tuple[Published, ...]:
        """What has to be fetched to have the model."""
        return self.derived_from or (Published(self.file, self.sha256, self.size_bytes, self.addresses),)


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model's checked bytes and where they came from."""

    model: Model
    path: Path
    content: bytes


@cache
def manifest() -> Mapping[str, Model]:
    """Every model that this version knows, by name."""
    raw = importlib.resources.files("models").joinpath(MANIFEST).read_bytes()
    return {model.name: model for model in msgspec.json.decode(raw, type=tuple[Model, ...])}


def folders(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where models are looked for, in this order: ``CARDEA_MODEL_DIR``, then the user's cache."""
    named = environ.get(FOLDER_VARIABLE)
    cached = Path(environ.get("XDG_CACHE_HOME", ""))
    if not cached.is_absolute():
        cached = Path(environ.get("HOME", "")) / ".cache"
    own = (cached / "cardea" / "models",) if cached.is_absolute() else ()
    return (Path(named), *own) if named else own


def find(name: str, where: Sequence[Path] | None = None) -> FoundModel:
    """The model ``name``, read and checked; the first folder that has a file of its name counts.

    Raises:
        ModelUnavailable: not in the manifest, in no folder, or not readable.
        ModelTampered: the file's bytes are not the model's.
    """
    model = manifest().get(name)
    if model is None:
        raise ModelUnavailable(f"there is no model {name!r}; there are: {', '.join(manifest())}")
    for folder in folders() if where is None else where:
        path = folder / model.file
        content = _read(path, model.size_bytes)
        if content is None:
            continue
        if not is_the_model(model, content):
            raise ModelTampered(f"{path}: is not the model {name}; replace it: cardea models pull {name}")
        return FoundModel(model, path, content)
    raise ModelUnavailable(f"model {name} is not here; run: cardea models pull {name}")


def first_of(names: Sequence[str], where: Sequence[Path] | None = None) -> FoundModel:
    """The first of several models for one purpose that is here.

    Raises:
        ModelUnavailable: none of them is; the message names the first.
        ModelTampered: one that comes before any other that is here is not what it should be.
    """
    missing: ModelUnavailable | None = None
    for name in names:
        try:
            return find(name, where)
        except ModelUnavailable as error:
            missing = missing or error
    assert missing is not None, "no names"
    raise missing


def is_the_model(pinned: Model | Published, content: bytes) -> bool:
    """Whether ``content`` is, byte for byte, what the manifest has pinned."""
    return len(content) == pinned.size_bytes and hashlib.sha256(content).hexdigest() == pinned.sha256


def _read(path: Path, size_bytes: int) -> bytes | None:
    """The file's bytes, no more than one too many; ``None`` when there is no such file."""
    try:
        with path.open("rb") as file:
            return file.read(size_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelUnavailable(f"{path}: cannot be read: {error.strerror}") from error
