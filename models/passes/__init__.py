"""QR passes: a CWT (RFC 8392) in COSE_Sign1 (RFC 9052) with Ed25519, as ``CDA1:`` and base45 (RFC 9285).

Pure: time, keys and secrets are handed in; no text makes anything here raise.
"""

from models.passes.claims import ClaimsInvalid, PassClaims, Uses
from models.passes.issue import issue
from models.passes.keys import key_id, keyring
from models.passes.rotating import CodeAccepted, CodeRefused, check_code, code_at, with_code
from models.passes.verify import InvalidPass, PassStanding, VerifiedPass, verify

__all__ = [
    "ClaimsInvalid",
    "CodeAccepted",
    "CodeRefused",
    "InvalidPass",
    "PassClaims",
    "PassStanding",
    "Uses",
    "VerifiedPass",
    "check_code",
    "code_at",
    "issue",
    "key_id",
    "keyring",
    "verify",
    "with_code",
]
