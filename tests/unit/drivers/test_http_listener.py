"""The shared HTTP listener on a real socket: routes, bounds, and a failing handler that harms nobody."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from drivers.api import DeviceMisconfigured, LinkKind
from drivers.links.http_listener import HttpListener, HttpListenerSettings, PushReply, PushRequest

Running = Callable[..., Any]


def settings(**more: Any) -> HttpListenerSettings:
    return HttpListenerSettings.model_validate(
        {"kind": "http_listener", "bind": "127.0.0.1", "port": 0, **more}
    )


@asynccontextmanager
async def listening(running: Running, **more: Any) -> AsyncGenerator[tuple[HttpListener, httpx.AsyncClient]]:
    link = HttpListener("terminals", settings(**more))
    async with running(link.run()):
        async with asyncio.timeout(5):
            await link.bound.wait()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{link.port}", trust_env=False) as client:
            yield link, client


async def echo(request: PushRequest) -> PushReply:
    said = (
        f"{request.method} {request.path}?{request.query} {request.headers['x-sn']} {request.peer} ".encode()
    )
    return PushReply(200, said + request.body, {"x-was": "here"})


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What still came before the other end closed, or cut, the connection."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_each_key_has_its_own_handler(running: Running) -> None:
    async def other(_request: PushRequest) -> PushReply:
        return PushReply(204)

    async with listening(running) as (link, client):
        with link.route("gate-1", echo), link.route("gate-2", other):
            first = await client.post("/gate-1/a/b?c=d", content=b"body", headers={"X-SN": "7"})
            assert (first.status_code, first.text) == (200, "POST a/b?c=d 7 127.0.0.1 body")
            assert first.headers["x-was"] == "here"
            assert "server" not in first.headers
            assert (await client.post("/gate-2")).status_code == 204
        assert (await client.post("/gate-2")).status_code == 404
        assert (await client.get("/")).status_code == 404
        assert link.unknown_keys == 2
        assert link.kind is LinkKind.HTTP_LISTENER
        assert link.host == "127.0.0.1"


async def test_two_devices_cannot_have_one_key() -> None:
    link = HttpListener("terminals", settings())
    with link.route("gate-1", echo):
        with (
            pytest.raises(DeviceMisconfigured, match="two devices want the key 'gate-1'"),
            link.route("gate-1", echo),
        ):
            pass
        assert link.port is None


async def test_a_failing_handler_is_a_503_and_its_neighbour_goes_on(running: Running) -> None:
    async def broken(_request: PushRequest) -> PushReply:
        raise RuntimeError("bug")

    async with listening(running) as (link, client):
        with link.route("bad", broken), link.route("good", echo):
            assert (await client.post("/bad/x")).status_code == 503
            assert (await client.post("/good/x", headers={"X-SN": "1"})).status_code == 200
            assert link.failed == 1


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_that_is_too_long_is_a_413(running: Running, *, chunked: bool) -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        for _ in range(15):
            yield bytes(100)

    async with listening(running, body_bytes_max=1024) as (link, client):
        with link.route("gate-1", echo):
            body = pieces() if chunked else bytes(1025)
            assert (await client.post("/gate-1/x", content=body)).status_code == 413
            fits = await client.post("/gate-1/x", content=bytes(1024), headers={"X-SN": "1"})
            assert fits.status_code == 200
        assert link.too_large == 1


async def test_a_flood_of_body_is_cut(running: Running) -> None:
    async with listening(running, body_bytes_max=1024) as (link, _client):
        with link.route("gate-1", echo):
            reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
            writer.write(
                b"POST /gate-1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + bytes(4096)
            )
            async with asyncio.timeout(5):
                assert (await reader.readline()).startswith(b"HTTP/1.1 413")
            writer.close()


@pytest.mark.parametrize("start", [b"", b"POST /gate-1/x HT", b"POST /gate-1/x HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_does_not_come_ends_the_connection(running: Running, start: bytes) -> None:
    async with listening(running, head_s_max=0.05) as (link, _client):
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(start)
        async with asyncio.timeout(5):
            assert await ended(reader) == b""
        writer.close()


async def test_a_head_that_comes_slowly_after_a_request_ends_the_connection(running: Running) -> None:
    async with listening(running, head_s_max=0.05) as (link, _client):
        with link.route("gate-1", echo):
            reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
            writer.write(b"POST /gate-1/x HTTP/1.1\r\nHost: x\r\nX-SN: 1\r\nContent-Length: 0\r\n\r\n")
            async with asyncio.timeout(5):
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
                writer.write(b"POST /gate")
                await ended(reader)
            writer.close()


async def test_a_body_that_does_not_come_is_a_408(running: Running) -> None:
    async with listening(running, body_s_max=0.05) as (link, _client):
        with link.route("gate-1", echo):
            reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
            writer.write(b"POST /gate-1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
            async with asyncio.timeout(5):
                assert (await reader.readline()).startswith(b"HTTP/1.1 408")
            assert link.too_slow == 1
            writer.close()


async def test_a_head_without_end_is_refused(running: Running) -> None:
    async with listening(running) as (link, _client):
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"POST /gate-1/x HTTP/1.1\r\n" + b"X-A: b\r\n" * 10_000)
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 4")
        writer.close()
        assert link.malformed == 1


async def test_a_client_that_goes_amid_its_body_is_forgotten(running: Running) -> None:
    async with listening(running) as (link, client):
        with link.route("gate-1", echo):
            _, writer = await asyncio.open_connection("127.0.0.1", link.port)
            writer.write(b"POST /gate-1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
            await writer.drain()
            writer.close()
            assert (await client.post("/gate-1/x", headers={"X-SN": "1"})).status_code == 200
            assert link.failed == 0


async def test_connections_are_bounded(running: Running) -> None:
    async with listening(running, connections_max=2) as (link, _client):
        held = [await asyncio.open_connection("127.0.0.1", link.port) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        async with asyncio.timeout(5):
            assert await ended(reader) == b""
        for _, other in [*held, (reader, writer)]:
            other.close()


async def test_a_busy_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        link = HttpListener("terminals", settings(port=taken.getsockname()[1]))
        with pytest.raises(DeviceMisconfigured, match=r"link terminals: .*another program has this port"):
            await link.run()


async def test_an_address_of_another_machine_is_one_clear_line() -> None:
    link = HttpListener("terminals", settings(bind="192.0.2.1"))
    with pytest.raises(DeviceMisconfigured, match="no address of this machine"):
        await link.run()


async def test_the_port_is_free_again_after_the_end(running: Running) -> None:
    async with listening(running) as (link, client):
        port = link.port
        assert (await client.get("/x")).status_code == 404
    assert link.port is None
    assert not link.bound.is_set()
    async with listening(running, port=port) as (again, _client):
        assert again.port == port


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "everywhere", ""])
def test_only_one_interface_is_served(bind: str) -> None:
    with pytest.raises(ValidationError):
        settings(bind=bind)
