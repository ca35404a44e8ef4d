"""The simulated terminal is a strict peer: Digest that cannot be replayed, requests that must be right."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import httpx
import pytest

from cardea.runtime.clock import SystemClock, SystemEntropy
from drivers.sim.digest import NONCES_MAX, Digest, Proof
from drivers.sim.hikvision import DecidedBy, HikvisionTerminal


@pytest.fixture
async def terminal(clock: SystemClock) -> AsyncGenerator[HikvisionTerminal]:
    async with HikvisionTerminal(clock, SystemEntropy(), password="p", verdict_s_max=0.1) as simulated:
        yield simulated


@pytest.fixture
async def client(terminal: HikvisionTerminal) -> AsyncGenerator[httpx.AsyncClient]:
    auth = httpx.DigestAuth("cardea", "p")
    async with httpx.AsyncClient(base_url=terminal.base_url, auth=auth, trust_env=False) as made:
        yield made


async def test_an_authorization_serves_once(terminal: HikvisionTerminal, client: httpx.AsyncClient) -> None:
    first = await client.get("/ISAPI/System/deviceInfo")
    assert first.status_code == 200
    used = first.request.headers["authorization"]
    digest = terminal.digest
    assert digest.check("GET", "/ISAPI/System/deviceInfo", used) is Proof.STALE
    assert digest.check("PUT", "/ISAPI/System/deviceInfo", used) is Proof.BAD
    assert digest.check("GET", "/ISAPI/System/time", used) is Proof.BAD
    assert digest.check("GET", "/ISAPI/System/deviceInfo", used.replace("cardea", "eve")) is Proof.BAD
    assert digest.check("GET", "/ISAPI/System/deviceInfo", "Basic eA==") is Proof.BAD
    async with httpx.AsyncClient(base_url=terminal.base_url, trust_env=False) as bare:
        again = await bare.get("/ISAPI/System/deviceInfo", headers={"authorization": used})
        assert again.status_code == 401
        assert "stale=true" in again.headers["www-authenticate"]


def test_nonces_are_bounded(clock: SystemClock) -> None:
    digest = Digest("u", "p", clock, SystemEntropy())
    for _ in range(NONCES_MAX + 5):
        digest.challenge(Proof.BAD)
    assert len(digest._nonces) == NONCES_MAX


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/ISAPI/Nothing", b"", 404),
        ("PUT", "/ISAPI/AccessControl/AcsCfg?format=json", b"{", 400),
        ("PUT", "/ISAPI/AccessControl/AcsCfg?format=json", b'{"AcsCfg": 3}', 400),
        ("PUT", "/ISAPI/AccessControl/remoteCheck?format=json", b'{"RemoteCheck": {"serialNo": "x"}}', 400),
        (
            "PUT",
            "/ISAPI/AccessControl/remoteCheck?format=json",
            b'{"RemoteCheck": {"serialNo": 9, "checkResult": "success"}}',
            400,
        ),
        ("PUT", "/ISAPI/AccessControl/RemoteControl/door/1", b"<a>", 400),
        ("PUT", "/ISAPI/AccessControl/RemoteControl/door/1", b"<a><cmd>explode</cmd></a>", 400),
        ("PUT", "/ISAPI/AccessControl/RemoteControl/door/9", b"<a><cmd>open</cmd></a>", 400),
        ("PUT", "/ISAPI/Event/notification/httpHosts", b"<a><portNo>x</portNo></a>", 400),
        ("POST", "/ISAPI/AccessControl/AcsEvent?format=json", b'{"AcsEventCond": {"searchID": "1"}}', 400),
        ("GET", "/ISAPI/AccessControl/DeployInfo", b"", 200),
    ],
)
async def test_a_request_must_be_right(
    client: httpx.AsyncClient, method: str, path: str, body: bytes, status: int
) -> None:
    assert (await client.request(method, path, content=body)).status_code == status


@pytest.mark.parametrize(
    "raw",
    [
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        b"x" * 20_000,
    ],
)
async def test_what_is_no_request_ends_the_connection(terminal: HikvisionTerminal, raw: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", terminal.port)
    writer.write(raw)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()


async def test_without_a_gateway_nobody_enters(terminal: HikvisionTerminal) -> None:
    verdict = await terminal.present(employee_no="17", health_code=2)
    assert (verdict.granted, verdict.by) == (False, DecidedBy.NOBODY)
    assert verdict.waited_s == pytest.approx(0.1, abs=0.09)
    assert [entry["remoteCheckResult"] for entry in terminal.history] == ["timeout"]


@pytest.mark.parametrize("who", [{"employee_no": "1"}, {"card": "1"}, {"qr": "1"}])
async def test_the_terminal_lets_in_whom_it_knows(terminal: HikvisionTerminal, who: dict[str, str]) -> None:
    terminal.remote_check = False
    assert (await terminal.present(**who)).granted  # pyright: ignore[reportArgumentType]  # chosen by the test
    assert not (await terminal.present(**who, known=False)).granted  # pyright: ignore[reportArgumentType]  # chosen by the test
    assert not (await terminal.present()).granted
    assert len(terminal.doors[1].releases) == 1
