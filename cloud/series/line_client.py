"""Writing prebuilt lines with influxdb-client, wrapped in one place.

Of its write APIs only the synchronous one is used, since the batching one drops what it cannot send; its own
retries are off, because who waits and for how long is decided by the telemetry lane.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3 import HTTPConnectionPool, Retry
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

LINES_MAX = 5000
"""Lines in one request."""
_ABOUT_THE_LINES = frozenset({400, 413, 422})


class Unwritten(Exception):
    """The store did not take it; try again later. One line saying why."""


class LinesRefused(Exception):
    """The store will not take these lines however often they are sent."""


@dataclass(frozen=True, slots=True)
class Target:
    """A store that takes line protocol."""

    url: str
    org: str
    bucket: str
    token: str | None
    gzip: bool
    write_s_max: float
    hold_s: float
    query_url: str | None


class LineClient:
    """Blocking; used by one thread. ``connects`` counts connections: another one may mean another life of the
    store at the far end.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._client = InfluxDBClient(
            url=target.url,
            token=target.token or "",
            org=target.org,
            timeout=int(target.write_s_max * 1000),
            enable_gzip=target.gzip,
            retries=Retry(0),
        )
        self._write = cast("Any", self._client).write_api(write_options=SYNCHRONOUS)
        self.connects: int = 0
        self._count_connects()

    def write(self, lines: Sequence[str]) -> None:
        """Returns when the store has answered 204.

        Raises:
            Unwritten, LinesRefused: as they say.
        """
        body = "\n".join(lines).encode()
        try:
            self._write.write(self._target.bucket, self._target.org, body, write_precision=WritePrecision.MS)
        except ApiException as error:
            answer = cast("Any", error)
            said = f"{self._target.url} answers {answer.status}: {_first_line(answer.body)}"
            if answer.status in _ABOUT_THE_LINES:
                raise LinesRefused(said) from error
            raise Unwritten(said) from error
        except (HTTPError, OSError) as error:
            raise Unwritten(f"{self._target.url}: {_first_line(error)}") from error

    def touch(self) -> None:
        """Have the store answer anything, so that a connection that broke is noticed.

        Raises:
            Unwritten: it does not answer.
        """
        if not self._client.ping():
            raise Unwritten(f"{self._target.url} does not answer")

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _count_connects(self) -> None:
        """urllib3 opens a connection again in silence; only the connection itself knows."""
        pools = cast("Any", self._client).api_client.rest_client.pool_manager
        pool = cast("HTTPConnectionPool", pools.connection_from_url(self._target.url))
        kind = cast("Callable[..., HTTPConnection]", pool.ConnectionCls)

        def counted(*arguments: object, **options: object) -> HTTPConnection:
            connection = kind(*arguments, **options)
            connect = connection.connect

            def count_and_connect() -> None:
                connect()
                self.connects += 1

            connection.connect = count_and_connect
            return connection

        pool.ConnectionCls = counted  # pyright: ignore[reportAttributeAccessIssue]  # called like the class


def _first_line(said: object) -> str:
    return str(said).strip().partition("\n")[0][:300]
