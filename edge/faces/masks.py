"""Whether the one person in front of a camera wears a mask, where a portal waits to know.

Nothing of whose face it is comes of it, and nobody is looked at for it but who stands at a portal whose
policy requires a mask and whose terminal has not told. Without its model the check is unavailable: that is
said once, and the portal goes by its degrade policy.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from cardea.contract.policy import Policy
from drivers.api import FaceBox, Picture
from edge.decide.evidence import Why
from edge.faces.availability import Availability
from models.face.company import front, several


class Masks(Protocol):
    """Tells masks; used by one thread."""

    def masked(self, picture: Picture, face: FaceBox) -> bool | None:
        """Whether ``face`` in ``picture`` (h, w, 3; BGR, uint8) wears one; ``None`` if it cannot tell."""
        ...


OpenMasks = Callable[[], Masks]
"""Blocks; raises ModelProblem when there is none."""


class FaceMasks:
    """The check of masks at the portals that have a camera."""

    def __init__(
        self,
        portals: Collection[str],
        policy: Callable[[], Policy],
        awaited: Callable[[str], bool],
        availability: Availability,
    ) -> None:
        """``awaited``: whether somebody stands before this camera whose portal waits to know."""
        self._portals = tuple(sorted(portals))
        self._policy = policy
        self._awaited = awaited
        self._availability = availability
        self.masks: Masks | None = None
        """``None`` while nobody can tell."""

    @property
    def reason(self) -> str | None:
        """Why nobody can tell; ``None`` while somebody can, and before it has been tried."""
        return self._availability.reason

    @property
    def unable(self) -> Why | None:
        """As evidence has it."""
        return None if self.reason is None else Why.UNAVAILABLE

    def asked_for(self) -> bool:
        """Whether the policy of any of the portals requires masks now; those are told what is unavailable."""
        policy = self._policy()
        requiring = [name for name in self._portals if policy.of(name).require_mask]
        for name in requiring:
            self._availability.concern(name)
        return bool(requiring)

    def opened(self, masks: Masks) -> None:
        """It can be told from now on."""
        self.masks = masks
        self._availability.back()

    def lost(self, error: Exception) -> None:
        """The model is missing, refused or has failed."""
        self.masks = None
        self._availability.lost(error)

    def not_needed(self) -> None:
        """No policy asks for it any more."""
        self._availability.not_needed()

    def whom(self, camera: str, faces: Collection[FaceBox]) -> FaceBox | None:
        """Whose mask is to be looked at in a picture of ``camera`` with these ``faces``, if anybody's."""
        if not faces or several(faces) or not self._awaited(camera):
            return None
        return front(faces)
