"""The server's side of HTTP Digest (RFC 7616, MD5, qop auth), with nonces that age and counts that rise."""

import hashlib
import hmac
import re
from collections import OrderedDict
from enum import StrEnum

from cardea.runtime.clock import Clock, Entropy

NONCES_MAX = 1024
_FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


class Proof(StrEnum):
    """What a request's Authorization is worth."""

    GOOD = "good"
    STALE = "stale"
    BAD = "bad"


class Digest:
    """Nonces of one server and who may use them."""

    def __init__(
        self, user: str, password: str, clock: Clock, entropy: Entropy, *, nonce_s_max: float = 300.0
    ) -> None:
        self.realm = "DS-K1T671"
        self.nonce_s_max = nonce_s_max
        self._user = user
        self._secret = _md5(f"{user}:{self.realm}:{password}")
        self._clock = clock
        self._entropy = entropy
        self._nonces: OrderedDict[str, tuple[float, set[int]]] = OrderedDict()

    def challenge(self, proof: Proof) -> str:
        """A ``WWW-Authenticate`` value with a fresh nonce."""
        nonce = self._entropy.token(16).hex()
        self._nonces[nonce] = (self._clock.monotonic_s(), set())
        if len(self._nonces) > NONCES_MAX:
            self._nonces.popitem(last=False)
        stale = "true" if proof is Proof.STALE else "false"
        return f'Digest realm="{self.realm}", qop="auth", nonce="{nonce}", algorithm=MD5, stale={stale}'

    def expire(self) -> None:
        """Forget all nonces, as a terminal does after a while or a reboot."""
        self._nonces.clear()

    def check(self, method: str, uri: str, authorization: str) -> Proof:
        """Whether the header proves the password for this request; each nonce count serves once."""
        fields = {name: quoted or bare for name, quoted, bare in _FIELD.findall(authorization)}
        if not authorization.startswith("Digest ") or fields.get("username") != self._user:
            return Proof.BAD
        nonce, count = fields.get("nonce", ""), fields.get("nc", "")
        rest = f"{nonce}:{count}:{fields.get('cnonce', '')}:auth"
        expected = _md5(f"{self._secret}:{rest}:{_md5(f'{method}:{uri}')}")
        if fields.get("uri") != uri or not hmac.compare_digest(expected, fields.get("response", "")):
            return Proof.BAD
        made_s, counts = self._nonces.get(nonce, (float("-inf"), set[int]()))
        if self._clock.monotonic_s() - made_s > self.nonce_s_max:
            return Proof.STALE
        number = int(count, 16) if re.fullmatch(r"[0-9a-fA-F]{8}", count) else 0
        if number in counts or number == 0:
            return Proof.STALE
        counts.add(number)
        return Proof.GOOD


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
