"""HTTP with Digest to one device over httpx: one request, and what its answer means for the session."""

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator

from drivers.api import DeviceLost, DeviceMisconfigured, DeviceRefused
from drivers.links.http_content import ContentTooLong, content_of

ANSWER_BYTES_MAX = 4 * 1024 * 1024
CONNECTIONS_MAX = 8
JSON = "application/json"
XML = "application/xml"
_NOT_THERE = frozenset({404, 405, 501})
_UNSUPPORTED = frozenset({"notsupport", "methodnotallowed", "invalidoperation"})
_TRIES = 2


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("http:// or https:// with host and port and nothing after it")
    return text.rstrip("/")


Origin = Annotated[str, AfterValidator(_origin)]
"""Where a device answers, without a path."""


class Declined(Exception):
    """The device understood and said no; the message is its reason."""


class Unsupported(Declined):
    """The device does not have this function."""


@dataclass(frozen=True, slots=True)
class HttpAccess:
    """Where a device answers, as whom we ask, and whom to believe with https."""

    base_url: str
    user: str
    password: str
    ca_file: Path | None
    answer_s_max: float
    answer_bytes_max: int = ANSWER_BYTES_MAX


class HttpDevice:
    """One device. Every method raises DeviceLost (no answer) or DeviceRefused (bad credentials)."""

    def __init__(self, access: HttpAccess, reason: Callable[[bytes], str]) -> None:
        """``reason`` finds in the body of an answer why the device says no; empty where it does not."""
        self._url = access.base_url
        self._reason = reason
        self._answer_bytes_max = access.answer_bytes_max
        self._under_way = 0
        self._ended = False
        self._client = httpx.AsyncClient(
            base_url=access.base_url,
            auth=httpx.DigestAuth(access.user, access.password),
            headers={"accept-encoding": "identity"},  # packing costs a device more than the wire it saves
            verify=_trust(access),
            trust_env=False,
            timeout=access.answer_s_max,
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        await self._close_when_idle()

    async def get(self, path: str) -> bytes:
        """GET; the answer's body.

        Raises:
            Unsupported: the device does not have this.
            Declined: it says no for another reason.
        """
        return await self._request("GET", path, b"", XML)

    async def put(self, path: str, body: bytes, kind: str) -> bytes:
        """PUT; raises as ``get`` does."""
        return await self._request("PUT", path, body, kind)

    async def post(self, path: str, body: bytes, kind: str) -> bytes:
        """POST; raises as ``get`` does."""
        return await self._request("POST", path, body, kind)

    @asynccontextmanager
    async def stream(self, path: str, silence_s_max: float) -> AsyncGenerator[httpx.Response]:
        """A GET whose answer does not end. Silence and a broken connection raise httpx.RequestError inside.

        Raises:
            Unsupported: the device does not have this.
            Declined: it says no for another reason.
        """
        request = self._client.build_request(
            "GET", path, timeout=httpx.Timeout(self._client.timeout.connect, read=silence_s_max)
        )
        try:
            response = await self._send(request)
        except httpx.RequestError as error:
            raise self._lost(error) from error
        try:
            if response.status_code != 200:
                self._judge(response, await self._read(response))
            yield response
        finally:
            await response.aclose()

    async def _request(self, method: str, path: str, body: bytes, kind: str) -> bytes:
        if self._ended:
            raise DeviceLost(f"{self._url}: the session has ended")
        self._under_way += 1
        try:
            return await self._exchange(method, path, body, kind)
        finally:
            self._under_way -= 1
            await self._close_when_idle()

    async def _close_when_idle(self) -> None:
        """A command may outlive the session; httpx would leak a connection that is just being made."""
        if self._ended and not self._under_way:
            await self._client.aclose()

    async def _exchange(self, method: str, path: str, body: bytes, kind: str) -> bytes:
        headers = {"content-type": kind} if body else {}
        for left in reversed(range(_TRIES)):
            try:
                request = self._client.build_request(method, path, content=body, headers=headers)
                response = await self._send(request)
                try:
                    answer = await self._read(response)
                finally:
                    await response.aclose()
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                if left:  # a kept connection that the device had closed meanwhile
                    continue
                raise self._lost(error) from error
            except httpx.RequestError as error:
                raise self._lost(error) from error
            self._judge(response, answer)
            return answer
        raise AssertionError("unreachable")

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._client.send(request, stream=True)
        except (KeyError, NotImplementedError) as error:  # httpx says so of an algorithm or qop it has not
            raise DeviceMisconfigured(f"{self._url}: asks for a kind of Digest that is not known") from error

    async def _read(self, response: httpx.Response) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_raw():
            size += len(piece)
            if size > self._answer_bytes_max:
                raise self._too_long()
            pieces.append(piece)
        encoding = response.headers.get("content-encoding", "")
        try:
            return content_of(b"".join(pieces), encoding, self._answer_bytes_max)
        except ContentTooLong as error:
            raise self._too_long() from error

    def _too_long(self) -> DeviceMisconfigured:
        return DeviceMisconfigured(f"{self._url}: an answer longer than {self._answer_bytes_max} bytes")

    def _judge(self, response: httpx.Response, answer: bytes) -> None:
        status = response.status_code
        if 200 <= status < 300:
            return
        if status == 401:
            raise DeviceRefused(f"{self._url}: user or password is not accepted")
        why = self._reason(answer)
        if status in _NOT_THERE or why.lower() in _UNSUPPORTED:
            raise Unsupported(why or f"HTTP {status}")
        if status >= 500:
            raise DeviceLost(f"{self._url}: HTTP {status} {why}".rstrip())
        raise Declined(why or f"HTTP {status}")

    def _lost(self, error: httpx.RequestError) -> DeviceLost:
        return DeviceLost(f"{self._url}: {str(error) or type(error).__name__}")


def _trust(access: HttpAccess) -> ssl.SSLContext:
    """Whom to believe with https. For http a context that trusts nobody: reading all roots costs 20 ms."""
    if access.base_url.startswith("http://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=access.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise DeviceMisconfigured(f"ca_file {access.ca_file}: {error}") from error
