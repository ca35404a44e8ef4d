"""What a presented credential is worth: vault and pass verifier asked, nothing used up.

A single-use pass, or one step of a rotating code, is marked as used only once everything else has granted
(``PassUse``): a refused try, a retest or a referral does not burn it. Between the mark and the release lies
only the commit of the decision; when that stalls and the degrade policy refuses, the pass stays used, which
errs on the side of a staffed second look instead of a second entry.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cardea.contract.records import CredentialKind, Subject
from cardea.contract.time import Instant
from drivers.api import CredentialPresented
from edge.decide.approach import CredentialChecked
from edge.decide.evidence import Credential, PassCheck, Standing
from edge.vault import Holder, Vault
from models import passes


@dataclass(frozen=True, slots=True)
class PassUse:
    """The one use that a pass allows, to be marked before the release."""

    pass_id: str
    step: int
    until: dt.datetime


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about a presented credential."""

    observation: CredentialChecked
    holder: Holder | None = None
    use: PassUse | None = None

    @property
    def subject(self) -> Subject | None:
        """Whom the credential stands for, if that is known."""
        return self.observation.credential.subject


class CredentialDesk:
    """Vault and verifier behind one question. Without a vault nobody is known."""

    def __init__(
        self,
        vault: Vault | None,
        pass_keys: Mapping[bytes, Ed25519PublicKey],
        code_root: bytes | None = None,
    ) -> None:
        self.vault = vault
        self._pass_keys = pass_keys
        self._code_root = code_root

    def check(self, event: CredentialPresented, portal: str, now: Instant) -> Checked:
        """The worth of what was presented at ``portal``; a pass is verified here (0.2 ms), nothing waits."""
        if event.kind is CredentialKind.QR:
            return self._pass(event.value, portal, now)
        holder = self.vault.find(event.kind, event.value) if self.vault else None
        standing = holder.standing(now.utc) if holder else Standing.UNKNOWN
        credential = Credential(
            kind=event.kind,
            standing=standing,
            subject=holder.subject if holder else None,
            verified_by_terminal=event.verified,
        )
        return Checked(CredentialChecked(credential), holder)

    async def use(self, use: PassUse) -> bool:
        """Mark a use, durably; False when it was used before. Raises StoreFull or StoreFailed."""
        return self.vault is not None and await self.vault.use_pass(use.pass_id, use.step, use.until)

    def _pass(self, text: str, portal: str, now: Instant) -> Checked:
        verified = passes.verify(text, self._pass_keys, now.utc, code_root=self._code_root)
        standing = Standing.VALID
        if isinstance(verified, passes.InvalidPass):
            standing = Standing(verified.standing.value)
        claims = verified.claims
        if claims is None:
            return _unknown_pass(standing)
        holder = self.vault.holder_of_person(claims.person) if self.vault else None
        if standing is not Standing.VALID:
            pass
        elif self.vault is None or not claims.opens(portal):
            standing = Standing.UNKNOWN
        elif self.vault.is_revoked(claims.pass_id):
            standing = Standing.REVOKED
        subject = self.vault.subject_of(claims.person) if self.vault else None
        credential = Credential(
            kind=CredentialKind.QR,
            # A visitor need not be in the vault: the issuer's signature is what makes the pass known.
            standing=holder.standing(now.utc) if holder else standing,
            subject=subject,
        )
        use = None
        if isinstance(verified, passes.VerifiedPass) and verified.use_step is not None:
            use = PassUse(claims.pass_id, verified.use_step, verified.until)
        return Checked(CredentialChecked(credential, PassCheck(standing, claims.pass_id)), holder, use)


def _unknown_pass(standing: Standing) -> Checked:
    """A pass that carries no claims to be believed."""
    return Checked(CredentialChecked(Credential(CredentialKind.QR, standing), PassCheck(standing)))
