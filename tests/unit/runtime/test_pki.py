"""The local certificate authority and the signing keys: made once, private, renewed, revoked."""

import contextlib
import datetime as dt
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from cardea.contract.time import ClockQuality, Instant
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.pki import AUTHORITY_DAYS, CERTIFICATE_DAYS, CertificateAuthority, Purpose
from cardea.runtime.private_files import FileUnusable, write_private
from cardea.runtime.signing_keys import ensure_signing_key, read_public_key, read_signing_key

START = dt.datetime(2024, 2, 3, tzinfo=dt.UTC)


class Calendar:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.day = 0

    def now(self) -> Instant:
        return Instant(0.0, START + dt.timedelta(days=self.day), ClockQuality.SYNCHRONISED)

    def monotonic_s(self) -> float:
        return 0.0

    async def sleep(self, delay_s: float) -> None:
        raise AssertionError("certificates do not wait")


class Dice:
    """Entropy that repeats itself."""

    def __init__(self) -> None:
        self._calls = 0

    def token(self, size: int) -> bytes:
        self._calls += 1
        return bytes((self._calls + i) % 256 for i in range(size))

    def uniform(self, low: float, high: float) -> float:
        return low

    def new_id(self) -> str:
        return self.token(16).hex()


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def opened(tmp_path: Path, calendar: Calendar) -> Callable[[], CertificateAuthority]:
    return lambda: CertificateAuthority(tmp_path / "pki", calendar, SystemEntropy())


def _read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_certificate_names_its_identity_and_verifies_against_the_authority(
    opened: Callable[[], CertificateAuthority],
) -> None:
    authority = opened()
    files = authority.ensure("broker", Purpose.SERVER, ("localhost", "127.0.0.1", "::1"))
    found, root = _read(files.cert_file), _read(authority.ca_file)
    found.verify_directly_issued_by(root)
    assert found.subject.rfc4514_string() == "CN=broker"
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert found.not_valid_after_utc == START + dt.timedelta(days=CERTIFICATE_DAYS)
    assert root.not_valid_after_utc == START + dt.timedelta(days=AUTHORITY_DAYS)
    assert isinstance(found.public_key(), EllipticCurvePublicKey)


def _listening(authority: CertificateAuthority) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.ca_file)
    context.load_verify_locations(authority.crl_file)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_CRL_CHECK_LEAF
    server = authority.ensure("broker", Purpose.SERVER, ("localhost",))
    context.load_cert_chain(server.cert_file, server.key_file)
    return context


def _shake_hands(ours: ssl.SSLContext, theirs: ssl.SSLContext) -> object:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ours.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = theirs.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    seen = server.getpeercert()
    assert seen is not None
    return seen["subject"]


def test_openssl_takes_the_chain_in_its_strictest_reading_until_it_is_revoked(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path, SystemClock(), SystemEntropy())
    client = authority.ensure("tower-1", Purpose.CLIENT)
    ours = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=authority.ca_file)
    ours.verify_flags |= ssl.VERIFY_X509_STRICT
    ours.load_cert_chain(client.cert_file, client.key_file)
    assert _shake_hands(ours, _listening(authority)) == ((("commonName", "tower-1"),),)
    authority.revoke(client.cert_file)
    with pytest.raises(ssl.SSLError, match="revoked"):
        _shake_hands(ours, _listening(authority))


def test_keys_are_private_and_kept(opened: Callable[[], CertificateAuthority], tmp_path: Path) -> None:
    files = opened().ensure("tower-1", Purpose.CLIENT)
    contents = {path: path.read_bytes() for path in (tmp_path / "pki").iterdir() if path.suffix != ".crl"}
    assert opened().ensure("tower-1", Purpose.CLIENT) == files
    assert {path: path.read_bytes() for path in contents} == contents
    for path in contents:
        assert path.stat().st_mode & 0o777 == (0o600 if path.suffix == ".key" else 0o644)


def test_a_certificate_is_renewed_before_it_runs_out_with_the_same_key(
    opened: Callable[[], CertificateAuthority], calendar: Calendar
) -> None:
    files = opened().ensure("tower-1", Purpose.CLIENT)
    first = _read(files.cert_file)
    calendar.day = CERTIFICATE_DAYS - 31
    opened().ensure("tower-1", Purpose.CLIENT)
    assert _read(files.cert_file) == first
    calendar.day = CERTIFICATE_DAYS - 29
    opened().ensure("tower-1", Purpose.CLIENT)
    renewed = _read(files.cert_file)
    assert renewed.not_valid_after_utc > first.not_valid_after_utc
    assert renewed.public_key() == first.public_key()


@pytest.mark.parametrize(
    ("purpose", "names"), [(Purpose.SERVER, ()), (Purpose.CLIENT, ("other",)), (Purpose.SERVER, ("b", "c"))]
)
def test_a_certificate_for_something_else_is_replaced(
    opened: Callable[[], CertificateAuthority], purpose: Purpose, names: tuple[str, ...]
) -> None:
    authority = opened()
    first = _read(authority.ensure("tower-1", Purpose.CLIENT).cert_file)
    second = _read(authority.ensure("tower-1", purpose, names).cert_file)
    assert second != first


def test_an_authority_that_ran_out_or_was_made_in_the_future_is_made_anew(
    opened: Callable[[], CertificateAuthority], calendar: Calendar
) -> None:
    calendar.day = AUTHORITY_DAYS * 2
    early = opened()
    early.ensure("tower-1", Purpose.CLIENT)
    calendar.day = 0
    authority = opened()
    files = authority.ensure("tower-1", Purpose.CLIENT)
    root = _read(authority.ca_file)
    assert root.not_valid_before_utc <= START < root.not_valid_after_utc
    _read(files.cert_file).verify_directly_issued_by(root)


def test_a_revoked_certificate_stays_on_the_list_and_is_replaced(
    opened: Callable[[], CertificateAuthority],
) -> None:
    authority = opened()
    files = authority.ensure("tower-1", Purpose.CLIENT)
    bad = _read(files.cert_file)
    authority.revoke(files.cert_file)
    authority.revoke(authority.ensure("tower-2", Purpose.CLIENT).cert_file)
    again = opened()
    listed = x509.load_pem_x509_crl(again.crl_file.read_bytes())
    assert listed.get_revoked_certificate_by_serial_number(bad.serial_number) is not None
    assert len(list(listed)) == 2
    assert _read(again.ensure("tower-1", Purpose.CLIENT).cert_file).serial_number != bad.serial_number


def test_only_our_own_certificates_can_be_revoked(
    opened: Callable[[], CertificateAuthority], tmp_path: Path, calendar: Calendar
) -> None:
    other = CertificateAuthority(tmp_path / "other", calendar, SystemEntropy())
    stranger = other.ensure("tower-1", Purpose.CLIENT)
    for path in (stranger.cert_file, tmp_path / "absent"):
        with pytest.raises(FileUnusable, match="no certificate of this authority"):
            opened().revoke(path)


def test_a_forged_revocation_list_is_not_taken_over(
    opened: Callable[[], CertificateAuthority], tmp_path: Path, calendar: Calendar
) -> None:
    other = CertificateAuthority(tmp_path / "other", calendar, SystemEntropy())
    other.revoke(other.ensure("x", Purpose.CLIENT).cert_file)
    authority = opened()
    authority.crl_file.write_bytes(other.crl_file.read_bytes())
    assert list(x509.load_pem_x509_crl(opened().crl_file.read_bytes())) == []


@pytest.mark.parametrize("identity", ["", "../up", "tower/1", "tower+", "Tower", "%u", "a" * 64])
def test_identities_that_reach_elsewhere_get_no_certificate(
    opened: Callable[[], CertificateAuthority], identity: str
) -> None:
    with pytest.raises(ValueError, match="cannot be an identity"):
        opened().ensure(identity, Purpose.CLIENT)


def _rsa_pem() -> bytes:
    key = rsa.generate_private_key(65537, 1024)  # never used
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("content", [b"garbage", b""])
def test_a_key_that_cannot_be_used_is_one_line_and_stays(
    opened: Callable[[], CertificateAuthority], tmp_path: Path, content: bytes
) -> None:
    opened()
    key = tmp_path / "pki" / "ca.key"
    write_private(key, content)
    with pytest.raises(FileUnusable, match="is no private key"):
        opened()
    assert key.read_bytes() == content
    write_private(key, _rsa_pem())
    with pytest.raises(FileUnusable, match="no key on an elliptic curve"):
        opened()


def test_all_randomness_of_keys_and_serial_numbers_is_handed_in(tmp_path: Path, calendar: Calendar) -> None:
    certificates: list[x509.Certificate] = []
    for name in ("one", "two"):
        authority = CertificateAuthority(tmp_path / name, calendar, Dice())
        certificates.append(_read(authority.ensure("tower-1", Purpose.CLIENT).cert_file))
    first, second = certificates
    assert first.public_key() == second.public_key()
    assert first.tbs_certificate_bytes == second.tbs_certificate_bytes


def test_a_signing_key_is_made_once_and_its_public_half_follows(tmp_path: Path) -> None:
    private, public = tmp_path / "orders.key", tmp_path / "trust" / "orders.pub"
    key = ensure_signing_key(private, public, SystemEntropy())
    public.write_bytes(b"something else")
    assert ensure_signing_key(private, public, SystemEntropy()).public_key() == key.public_key()
    read_public_key(public).verify(key.sign(b"text"), b"text")
    read_public_key(public).verify(read_signing_key(private).sign(b"text"), b"text")
    assert private.stat().st_mode & 0o777 == 0o600
    written = public.stat().st_mtime_ns
    ensure_signing_key(private, public, SystemEntropy())
    assert public.stat().st_mtime_ns == written


def test_signing_keys_that_cannot_be_used_are_one_line(tmp_path: Path) -> None:
    private, public = tmp_path / "a.key", tmp_path / "a.pub"
    for content, said in ((b"garbage", "is no private key"), (_rsa_pem(), "is no Ed25519 key")):
        write_private(private, content)
        with pytest.raises(FileUnusable, match=said):
            read_signing_key(private)
    rsa_public = rsa.generate_private_key(65537, 1024).public_key()  # never used
    pem = rsa_public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for content, said in ((b"garbage", "is no public key"), (pem, "is no Ed25519 key")):
        public.write_bytes(content)
        with pytest.raises(FileUnusable, match=said):
            read_public_key(public)
    with pytest.raises(FileUnusable, match="cannot be read"):
        read_public_key(tmp_path / "absent")
