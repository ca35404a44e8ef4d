"""History from a store that answers Prometheus' ``/api/v1/query_range``, as VictoriaMetrics does."""

import asyncio
import datetime as dt
import json
import math
from typing import Any

import httpx

from cloud.ingest.catalogue import Named
from cloud.series.lines import MEASUREMENT
from cloud.series.store import HistoryUnavailable, Point

ASK_S_MAX = 10.0
QUESTIONS_MAX = 4
_UNIX = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FUNCTIONS = ("avg_over_time", "min_over_time", "max_over_time", "count_over_time")
_STEP_MS_MIN = 1000


class PrometheusHistory:
    """A few questions at a time."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(timeout=ASK_S_MAX, trust_env=False)
        self._turns = asyncio.Semaphore(QUESTIONS_MAX)

    async def ask(
        self, named: Named, since: dt.datetime, until: dt.datetime, points_max: int
    ) -> tuple[Point, ...]:
        """Stretches of a whole number of seconds that begin at ``since``.

        Raises:
            HistoryUnavailable: no answer, or none that can be read.
        """
        since_ms, until_ms = _ms(since), _ms(until)
        if until_ms <= since_ms:
            return ()
        step_ms = -(-(until_ms - since_ms) // (points_max * _STEP_MS_MIN)) * _STEP_MS_MIN
        async with self._turns:
            mean, low, high, count = [
                await self._range(function, named, since_ms, until_ms, step_ms) for function in _FUNCTIONS
            ]
        return tuple(
            Point(
                at=_UNIX + dt.timedelta(milliseconds=at_ms),
                mean=mean[at_ms],
                low=low[at_ms],
                high=high[at_ms],
                count=int(count[at_ms]),
            )
            for at_ms in sorted(mean.keys() & low.keys() & high.keys() & count.keys())
        )

    async def close(self) -> None:
        """End connections."""
        await self._client.aclose()

    async def _range(
        self, function: str, named: Named, since_ms: int, until_ms: int, step_ms: int
    ) -> dict[int, float]:
        """Values by the beginning of their stretch, in milliseconds."""
        window = f"{step_ms}ms"
        parameters = {
            "query": f"{function}({selector(named)}[{window}])",
            # a window is (t − step, t]: a millisecond less makes it [begin, end)
            "start": f"{(since_ms + step_ms - 1) / 1000:.3f}",
            "end": f"{(until_ms + step_ms - 1) / 1000:.3f}",
            "step": window,
            "nocache": "1",
            "latency_offset": "1ms",  # VictoriaMetrics hides the last half minute otherwise
        }
        try:
            answer = await self._client.get(f"{self._url}/api/v1/query_range", params=parameters)
            answer.raise_for_status()
            return _values(answer.json(), step_ms, until_ms)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            why = str(error).partition("\n")[0] or type(error).__name__
            raise HistoryUnavailable(f"{self._url} gives no history: {why}") from error


def selector(named: Named) -> str:
    """PromQL's name of a series (see ``cloud.series.lines``)."""
    gateway, name = named
    device, _, metric = name.rpartition("/")
    labels = {"__name__": f"{MEASUREMENT}_{metric}", "gateway": gateway, "device": device}
    return "{" + ",".join(f"{label}={json.dumps(value)}" for label, value in labels.items()) + "}"


def _values(answer: Any, step_ms: int, until_ms: int) -> dict[int, float]:  # noqa: ANN401  # JSON of another's
    found: dict[int, float] = {}
    for series in answer["data"]["result"]:
        for at_s, text in series["values"]:
            begin_ms, value = round(float(at_s) * 1000) + 1 - step_ms, float(text)
            if math.isfinite(value) and begin_ms < until_ms:
                found[begin_ms] = value
    return found


def _ms(moment: dt.datetime) -> int:
    return (moment - _UNIX) // dt.timedelta(milliseconds=1)
