"""The passes that people of the world show at QR readers: good ones, used ones, expired and forged ones."""

import datetime as dt
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from drivers.sim.script import Scenario
from drivers.sim.world import Visit
from models.passes import PassClaims, Uses, armour, cose, issue, key_id
from models.passes.claims import to_cwt

STAFF_HOURS, GUEST_HOURS = 12, 1
ISSUER = "demo"
_STRANGER = "p-9999"


class Wallet:
    """Everyone's passes; ``started`` goes into their ids, so that a new run issues new passes."""

    def __init__(self, key: Ed25519PrivateKey, seed: int, started: dt.datetime) -> None:
        self._key = key
        self._run = f"{seed}/{started.isoformat()}"
        self._used = ""
        self._staff: dict[str, tuple[str, dt.datetime]] = {}

    def text(self, visit: Visit, now: dt.datetime) -> str:
        """What the visitor holds before the reader at ``now``."""
        match visit.scenario:
            case Scenario.GUEST:
                self._used = issue(self._key, self._guest(visit, now))
                return self._used
            case Scenario.REPLAYED:
                return self._used or self._staff_pass(visit, now)
            case Scenario.LAPSED:
                return issue(self._key, self._guest(visit, now - dt.timedelta(hours=2 * GUEST_HOURS)))
            case Scenario.FORGED:
                return self._forged(visit, now)
            case _:
                return self._staff_pass(visit, now)

    def _guest(self, visit: Visit, now: dt.datetime) -> PassClaims:
        return self._claims(visit, f"visit {visit.number}", now, GUEST_HOURS, Uses.ONCE)

    def _staff_pass(self, visit: Visit, now: dt.datetime) -> str:
        """One pass a person, issued anew when half of its time has gone."""
        person = _person(visit)
        text, renew = self._staff.get(person, ("", now))
        if now >= renew:
            text = issue(
                self._key, self._claims(visit, f"staff {now.isoformat()}", now, STAFF_HOURS, Uses.MANY)
            )
            self._staff[person] = text, now + dt.timedelta(hours=STAFF_HOURS / 2)
        return text

    def _forged(self, visit: Visit, now: dt.datetime) -> str:
        """Names the issuer's key and is signed with the forger's own."""
        forger = Ed25519PrivateKey.from_private_bytes(self._digest("forger"))
        claims = self._claims(visit, f"forged {visit.number}", now, STAFF_HOURS, Uses.MANY)
        return armour.wrap(cose.sign(forger, key_id(self._key.public_key()), to_cwt(claims)))

    def _claims(self, visit: Visit, what: str, now: dt.datetime, hours: int, uses: Uses) -> PassClaims:
        issued = now.astimezone(dt.UTC).replace(microsecond=0)
        return PassClaims(
            person=_person(visit),
            pass_id=self._digest(f"{what} {_person(visit)}")[:16].hex(),
            issued=issued,
            expires=issued + dt.timedelta(hours=hours),
            issuer=ISSUER,
            uses=uses,
        )

    def _digest(self, what: str) -> bytes:
        return hashlib.sha256(f"{self._run}/{what}".encode()).digest()


def _person(visit: Visit) -> str:
    return _STRANGER if visit.resident is None else visit.resident.person
