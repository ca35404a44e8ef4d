"""A local certificate authority: ECDSA P-256, made on first start, for one installation's broker.

A certificate's common name is the identity in the broker's ACL. Revoked certificates go into a CRL, which
the broker reads when it starts. All functions block on files for a few milliseconds.
"""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cardea.contract.topics import valid_id
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.private_files import FileUnusable, read_private, write_private, write_whole

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 365
RENEW_BEFORE_DAYS = 30
CLOCKS_APART_DAYS = 1
"""Certificates are valid from a day ago: the two ends' clocks may differ."""
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Purpose(StrEnum):
    """Which end of a connection a certificate is for."""

    CLIENT = "client"
    SERVER = "server"


_USAGE = {
    Purpose.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
    Purpose.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
}


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where a certificate and its private key (mode 0600) lie."""

    cert_file: Path
    key_file: Path


class CertificateAuthority:
    """The authority in one folder: ``ca.crt``, ``ca.key``, ``ca.crl``, and ``<identity>.crt`` / ``.key``."""

    def __init__(self, folder: Path, clock: Clock, entropy: Entropy) -> None:
        """Open the authority in ``folder``, or make it; one that is not valid now is made anew.

        Raises:
            FileUnusable: a key is there but cannot be used; it is never overwritten.
            OSError: the folder cannot be written.
        """
        self._folder = folder
        self._clock = clock
        self._entropy = entropy
        self.ca_file = folder / "ca.crt"
        self.crl_file = folder / "ca.crl"
        self._key = self._private_key(folder / "ca.key")
        self._certificate = self._own_certificate()
        self._write_crl(self._revoked())

    def ensure(self, identity: str, purpose: Purpose, names: Sequence[str] = ()) -> KeyFiles:
        """A certificate for ``identity`` that holds for at least ``RENEW_BEFORE_DAYS`` more.

        Kept when it fits; renewed, with the same key, when it runs out, was revoked, has other names or
        comes from an earlier authority. ``names`` are the DNS names and IP addresses of a server.

        Raises:
            ValueError: the identity could reach into another's topics.
            FileUnusable: its key is there but cannot be used.
            OSError: the folder cannot be written.
        """
        if not valid_id(identity):
            raise ValueError(f"{identity!r} cannot be an identity: a-z, 0-9 and '-', at most 63 characters")
        files = KeyFiles(self._folder / f"{identity}.crt", self._folder / f"{identity}.key")
        key = self._private_key(files.key_file)
        if not self._fits(files.cert_file, key, purpose, names):
            write_whole(files.cert_file, _pem(self._issue(identity, key, purpose, names)))
        return files

    def revoke(self, certificate_file: Path) -> None:
        """Put a certificate on the revocation list; the broker refuses it from its next start.

        Raises:
            FileUnusable: the file holds no certificate of this authority.
        """
        certificate = _read_certificate(certificate_file)
        if certificate is None or not self._issued(certificate):
            raise FileUnusable(f"{certificate_file}: holds no certificate of this authority")
        builder = x509.RevokedCertificateBuilder()
        entry = builder.serial_number(certificate.serial_number).revocation_date(self._now()).build()
        self._write_crl([*self._revoked(), entry])

    def _own_certificate(self) -> x509.Certificate:
        found = _read_certificate(self.ca_file)
        if found is not None and self._is_valid_for(found, self._key, days=0):
            return found
        made = self._make_own()
        write_whole(self.ca_file, _pem(made))
        return made

    def _make_own(self) -> x509.Certificate:
        public = self._key.public_key()
        digest = x509.SubjectKeyIdentifier.from_public_key(public).digest.hex()
        subject = _name(
            f"Cardea CA {digest[:16]}"
        )  # the same name for the same key: a renewal keeps all valid
        return (
            self._builder(subject, subject, public, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(self._key, SHA256())
        )

    def _issue(
        self, identity: str, key: ec.EllipticCurvePrivateKey, purpose: Purpose, names: Sequence[str]
    ) -> x509.Certificate:
        return (
            self._builder(_name(identity), self._certificate.subject, key.public_key(), CERTIFICATE_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([_USAGE[purpose]]), critical=False)
            .add_extension(_alternative_names(identity, names), critical=False)
            .sign(self._key, SHA256())
        )

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, days: int
    ) -> x509.CertificateBuilder:
        now = self._now()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(int.from_bytes(self._entropy.token(16)) >> 1 or 1)
            .not_valid_before(now - dt.timedelta(days=CLOCKS_APART_DAYS))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(self._authority_key_identifier(), critical=False)
        )

    def _fits(
        self, path: Path, key: ec.EllipticCurvePrivateKey, purpose: Purpose, names: Sequence[str]
    ) -> bool:
        found = _read_certificate(path)
        if found is None or not self._issued(found):
            return False
        usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        stands_for = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return (
            self._is_valid_for(found, key, RENEW_BEFORE_DAYS)
            and _USAGE[purpose] in usage
            and stands_for == _alternative_names(path.stem, names)
            and found.serial_number not in {entry.serial_number for entry in self._revoked()}
        )

    def _is_valid_for(self, found: x509.Certificate, key: ec.EllipticCurvePrivateKey, days: int) -> bool:
        until = self._now() + dt.timedelta(days=days)
        return (
            found.not_valid_before_utc <= self._now() <= until < found.not_valid_after_utc
            and found.public_key() == key.public_key()
        )

    def _issued(self, certificate: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def _revoked(self) -> list[x509.RevokedCertificate]:
        try:
            found = x509.load_pem_x509_crl(self.crl_file.read_bytes())
        except (OSError, ValueError):
            return []
        return list(found) if found.is_signature_valid(self._key.public_key()) else []

    def _write_crl(self, revoked: list[x509.RevokedCertificate]) -> None:
        now = self._now()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now - dt.timedelta(days=CLOCKS_APART_DAYS))
            .next_update(now + dt.timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
            .add_extension(self._authority_key_identifier(), critical=False)
        )
        for entry in revoked:
            builder = builder.add_revoked_certificate(entry)
        write_whole(self.crl_file, builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def _private_key(self, path: Path) -> ec.EllipticCurvePrivateKey:
        if not path.exists():
            number = int.from_bytes(self._entropy.token(48)) % (_P256_ORDER - 1) + 1
            made = ec.derive_private_key(number, ec.SECP256R1())
            write_private(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        try:
            key = load_pem_private_key(read_private(path), password=None)
        except (ValueError, TypeError) as error:
            raise FileUnusable(f"{path}: is no private key in PEM without a password") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise FileUnusable(f"{path}: is no key on an elliptic curve")
        return key

    def _authority_key_identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())

    def _now(self) -> dt.datetime:
        return self._clock.now().utc.replace(microsecond=0)


def _read_certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative_names(identity: str, names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general_name(name) for name in names or (identity,)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
