"""The pictures of a table, looked at one after the other; what cannot be used is told, not fatal."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cardea.cli.errors import CommandError
from cardea.cli.face.faces import pipeline
from cardea.cli.face.labels import Labelled
from cardea.cli.face.pictures import read_picture

if TYPE_CHECKING:
    from drivers.api import Picture
    from models.face.look import Embedding, Look

UNREADABLE = "unreadable"
TOO_CLOSE = "too_close"
Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that gave no sample (failure to acquire)."""

    picture: Labelled
    reason: str
    """``UNREADABLE``, or why it is poor."""


@dataclass(frozen=True, slots=True)
class Acquired:
    """What the pictures gave, in their order."""

    pictures: tuple[Labelled, ...]
    """Those with an embedding."""
    embeddings: "tuple[Embedding, ...]"
    people: tuple[int, ...]
    """Whose each is: a number into ``names``."""
    names: tuple[str, ...]
    failures: tuple[Failure, ...]
    model_sha256: str

    @property
    def reasons(self) -> Counter[str]:
        """How many failed, by reason."""
        return Counter(each.reason for each in self.failures)

    @property
    def remark(self) -> str:
        """How many cannot be used and why, in brackets after a space; empty where all can."""
        if not self.failures:
            return ""
        tried = len(self.pictures) + len(self.failures)
        why = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in self.reasons.most_common())
        return f" ({len(self.failures)} of {tried} pictures cannot be used: {why})"


def acquired(labelled: Sequence[Labelled]) -> Acquired:
    """An embedding of each picture that shows a face. Raises CommandError where a model is not here."""
    from models.face.stills import look_at_still

    networks = pipeline()
    looks = looked_at(labelled, lambda picture: look_at_still(networks, picture))
    good = [(each, look) for each, look in looks if not isinstance(look, str) and look.embedding is not None]
    names = tuple(dict.fromkeys(each.label for each, _ in good))
    numbers = {name: number for number, name in enumerate(names)}
    return Acquired(
        pictures=tuple(each for each, _ in good),
        embeddings=tuple(look.embedding for _, look in good if look.embedding is not None),
        people=tuple(numbers[each.label] for each, _ in good),
        names=names,
        failures=tuple(Failure(each, reason) for each, look in looks if (reason := why_not(look))),
        model_sha256=networks.model_sha256,
    )


def looked_at(
    labelled: Sequence[Labelled], look: "Callable[[Picture], Seen]"
) -> "list[tuple[Labelled, Seen | str]]":
    """What ``look`` sees in each picture, or ``UNREADABLE``. Raises CommandError where a network fails."""
    found: list[tuple[Labelled, Seen | str]] = []
    tell = progress("picture", len(labelled))
    for number, each in enumerate(labelled, 1):
        try:
            picture = read_picture(each.path)
        except CommandError:
            found.append((each, UNREADABLE))
        else:
            found.append((each, _looked(look, picture)))
        tell(number)
    return found


def _looked(look: "Callable[[Picture], Seen]", picture: "Picture") -> "Seen | str":
    from models.registry import ModelProblem

    try:
        return look(picture)
    except ValueError:
        return UNREADABLE
    except ModelProblem as error:
        raise CommandError(str(error)) from error


def why_not(look: "Look | str") -> str | None:
    """Why a look gives no embedding; ``None`` where it does."""
    if isinstance(look, str):
        return look
    return None if look.poor is None else look.poor.value


def progress(what: str, of: int) -> Callable[[int], None]:
    """On a terminal, how many are done, on standard error."""

    def show(done: int) -> None:
        end = "\n" if done == of else ""
        print(f"\r{what} {done} of {of}", end=end, file=sys.stderr, flush=True)

    def say_nothing(_done: int) -> None:
        return

    return show if sys.stderr.isatty() else say_nothing
