"""Configuration: TOML → frozen pydantic, and secrets from files beside it.

Everything that is wrong is said at once, one line each: ``file: key: value → what would be right``.
"""

import re
import tomllib
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

from cardea.runtime.advice import advice_on, dotted_key
from cardea.runtime.private_files import FileUnusable, read_private

CONFIG_BYTES_MAX = 4 * 1024 * 1024
_SHOWN_MAX = 60
_DIRECTORY = "directory"
_NOT_SHOWN = re.compile(r"passw|secret|token|credential|private|api_?key|\bpin\b", re.IGNORECASE)
_SECRET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Settings(BaseModel):
    """Base of every settings model: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    context = cast("Mapping[str, Path]", info.context or {})
    return context[_DIRECTORY] / path.expanduser() if _DIRECTORY in context else path


RelativePath = Annotated[Path, AfterValidator(_beside_the_file)]
"""A path in a configuration; when it is not absolute it is taken from the folder of the file."""


def _known_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone of the IANA database such as 'Asia/Shanghai'") from None
    return name


TimeZoneName = Annotated[str, AfterValidator(_known_zone)]
"""A time zone of the IANA database."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what stands there (``None``: nothing to show), what would be right."""

    file: str
    key: str
    value: str | None
    advice: str

    def __str__(self) -> str:
        """``file: key: value → advice``, without the parts that are not there."""
        where = f"{self.file}: {self.key}" if self.key else self.file
        shown = where if self.value is None else f"{where}: {self.value}"
        return f"{shown} → {self.advice}"


class ConfigInvalid(Exception):
    """A configuration cannot be used; ``problems`` holds all that is wrong with it, in the file's order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def load(path: Path, model: type[M]) -> M:
    """The settings in the TOML file ``path``.

    Raises:
        ConfigInvalid: unreadable, not TOML (with the line number), or not what ``model`` asks.
    """
    return check(model, read_toml(path), file=path)


def read_toml(path: Path) -> dict[str, object]:
    """The tables of a TOML file.

    Raises:
        ConfigInvalid: one problem: unreadable, too long, not UTF-8 or not TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(CONFIG_BYTES_MAX + 1)
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from error
    if len(content) > CONFIG_BYTES_MAX:
        raise _unusable(path, f"longer than {CONFIG_BYTES_MAX} bytes; this is not a configuration")
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unusable(path, f"not UTF-8 (at line {line}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _unusable(path, f"not TOML: {error}") from error


def check(model: type[M], data: Mapping[str, object], *, file: Path, at: str = "") -> M:
    """``data`` as ``model``; ``at`` is the dotted key under which it stands in ``file``.

    Raises:
        ConfigInvalid: everything that is wrong, each with its full key.
    """
    try:
        return model.model_validate(data, context={_DIRECTORY: file.parent})
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
        raise ConfigInvalid([_problem(model, data, detail, file, at) for detail in details]) from None


def together(*errors: ConfigInvalid) -> ConfigInvalid:
    """One error that holds the problems of several."""
    return ConfigInvalid([problem for error in errors for problem in error.problems])


class Secrets:
    """Secrets by name, each a file ``<directory>/<name>`` of mode 0600 or narrower."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, name: str) -> str:
        """The secret without the line end that editors leave.

        Raises:
            FileUnusable: no such file, wider than 0600, empty, not text, or not a name. Never shows content.
        """
        if _SECRET_NAME.fullmatch(name) is None:
            raise FileUnusable(f"{name!r} cannot name a secret: letters, digits, '.', '_' and '-' only")
        path = self._directory / name
        try:
            secret = read_private(path).decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise FileUnusable(f"{path}: is not text in UTF-8") from None
        if not secret:
            raise FileUnusable(f"{path}: is empty; write the secret into it")
        return secret


def _unusable(path: Path, why: str) -> ConfigInvalid:
    return ConfigInvalid([Problem(str(path), "", None, why)])


def _problem(
    model: type[BaseModel], data: Mapping[str, object], detail: ErrorDetails, file: Path, at: str
) -> Problem:
    key = dotted_key(data, detail)
    full_key = f"{at}.{key}" if at and key else at or key
    return Problem(str(file), full_key, _shown(full_key, detail), advice_on(model, detail))


def _shown(key: str, detail: ErrorDetails) -> str | None:
    value = detail["input"]
    if detail["type"] == "missing" or not isinstance(value, str | int | float | bool):
        return None
    if _NOT_SHOWN.search(key):
        return "(not shown)"
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
