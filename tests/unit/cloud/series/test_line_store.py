"""The line-protocol store against a server that answers as it is told."""

import asyncio
import contextlib
import datetime as dt
import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cardea.contract.batches import Lane
from cardea.runtime.clock import SystemEntropy
from cloud.ledger import Ledger
from cloud.series.line_client import Target
from cloud.series.line_store import LineStore
from cloud.series.store import HistoryUnavailable, SeriesDown

G1 = ("g1", Lane.TELEMETRY, "e1")


class Server:
    """Takes writes; ``answer(lines)`` gives the status."""

    def __init__(self):
        self.written: list[str] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.answer = lambda lines: 204
        self.history = lambda query: {"data": {"result": []}}
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                lines = body.decode().split("\n")
                server.requests.append((self.path, dict(self.headers)))
                status = server.answer(lines)
                if status == 204:
                    server.written += lines
                self._say(status, b"" if status == 204 else b'{"message": "as told"}')

            def do_GET(self):
                if "/query_range" in self.path:
                    said = server.history(self.path)
                    self._say(200, said if isinstance(said, bytes) else json.dumps(said).encode())
                else:
                    self._say(204, b"")

            def _say(self, status, body):
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format, *args):  # noqa: A002  # its base class names it so
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server():
    running = Server()
    yield running
    running.close()


@pytest.fixture
async def ledger(tmp_path, clock):
    opened = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}", clock)
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def _store(url, ledger, clock, **changed):
    options: dict[str, Any] = {"token": None, "gzip": False, "hold_s": 0.0, "query_url": None}
    target = Target(url=url, org="-", bucket="cardea", write_s_max=2.0, **(options | changed))
    store = LineStore(target, ledger, clock, SystemEntropy())
    try:
        yield store
    finally:
        await store.close()


async def test_it_is_settled_after_204_and_ranges_stand_in_the_ledger(server, ledger, clock, give):
    async with _store(server.url, ledger, clock, token="s3cret", gzip=True) as store:
        assert await store.open() == {}
        gathering = give.gathering(store, [("g1", "gate-1/t_c", 5, 36.5)], {("g1", "e1"): ((1, 1),)})
        assert await store.commit(gathering) == ()
        await store.settle(gathering, {})
        assert server.written == ["cardea,gateway=g1,device=gate-1 t_c=36.5 5"]
        path, headers = server.requests[0]
        assert path == "/api/v2/write?org=-&bucket=cardea&precision=ms"
        assert headers["Authorization"] == "Token s3cret"
        (newest,) = store.latest(("g1",))
        assert newest.value == 36.5
        more = give.gathering(store, [], {("g1", "e1"): ((1, 4),)})
        await store.commit(more)
        await store.settle(more, {G1: ((1, 1),)})
    async with _store(server.url, ledger, clock) as store:
        assert await store.open() == {G1: ((1, 4),)}


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
async def test_what_may_pass_is_tried_again_later(server, ledger, clock, give, status):
    async with _store(server.url, ledger, clock) as store:
        server.answer = lambda lines: status
        gathering = give.gathering(store, [("g1", "gate-1/t_c", 5, 36.5)])
        with pytest.raises(SeriesDown, match=f"answers {status}.*as told"):
            await store.commit(gathering)
        assert store.latest(("g1",)) == ()
        server.answer = lambda lines: 204
        await store.commit(gathering)
        assert len(server.requests) == 2


async def test_lines_that_are_refused_are_found_and_the_others_stored(server, ledger, clock, give):
    async with _store(server.url, ledger, clock) as store:
        server.answer = lambda lines: 400 if any("bad" in line for line in lines) else 204
        rows = [("g1", f"gate-1/{'bad' if n in (3, 7) else 'good'}_c", n, 1.0) for n in range(10)]
        rows += [("g1", "a\\b/t_c", 1, 1.0)]
        refused = await store.commit(give.gathering(store, rows))
        assert len(server.written) == 8
        assert sorted(p.raw.decode() for p in refused if "gate-1" in p.raw.decode()) == [
            "cardea,gateway=g1,device=gate-1 bad_c=1.0 3",
            "cardea,gateway=g1,device=gate-1 bad_c=1.0 7",
        ]
        assert len(refused) == 3
        assert {p.gateway for p in refused} == {"g1"}


async def test_a_store_that_is_not_there_is_down(ledger, clock, give):
    async with _store("http://127.0.0.1:9", ledger, clock) as store:
        with pytest.raises(SeriesDown, match=r"127\.0\.0\.1:9"):
            await store.commit(give.gathering(store, [("g1", "gate-1/t_c", 5, 36.5)]))
        with pytest.raises(HistoryUnavailable, match="query_url"):
            await store.history("g1", "gate-1/t_c", give.t0, give.t0, 5)


async def test_nothing_is_settled_before_the_hold_is_over(server, ledger, clock, give):
    slept = []

    async def sleep(delay_s):
        slept.append(delay_s)
        clock.pass_s(delay_s)

    async with _store(server.url, ledger, clock, hold_s=10.0) as store:
        gathering = give.gathering(store, [("g1", "gate-1/t_c", 5, 36.5)])
        await store.commit(gathering)
        clock.sleep = sleep
        await store.settle(gathering, {})
    assert sum(slept) >= 10.0


# --- History --------------------------------------------------------------------------------------


async def test_history_is_asked_in_stretches(server, ledger, clock, give):
    asked = []

    def history(path):
        asked.append(path)
        value = {"avg": "2", "min": "1", "max": "3", "count": "4"}[path.split("query=")[1].split("_over")[0]]
        end_s = (give.t0_ms + 60_000 - 1) / 1000
        return {"data": {"result": [{"values": [[end_s, value], [end_s + 60, "NaN"]]}]}}

    server.history = history
    async with _store(server.url, ledger, clock, query_url=server.url) as store:
        until = give.t0 + dt.timedelta(minutes=5)
        (point,) = await store.history("g1", "gate-1/t_c", give.t0, until, 5)
        assert (point.at, point.mean, point.low, point.high, point.count) == (give.t0, 2.0, 1.0, 3.0, 4)
        assert await store.history("g1", "gate-1/t_c", give.t0, give.t0, 5) == ()
        assert len(asked) == 4
        server.history = lambda path: b"no JSON"
        with pytest.raises(HistoryUnavailable, match="gives no history"):
            await asyncio.wait_for(store.history("g1", "gate-1/t_c", give.t0, until, 5), 5)
