"""What a fleet has come to: a line each second for people, a summary at the end for programs."""

import os
import resource
from pathlib import Path
from typing import Any

from cardea.contract.batches import Lane
from drivers.sim.fleet_state import FleetState


class Progress:
    """A line each second; rates are those of the last second."""

    def __init__(self) -> None:
        self._made = 0
        self._acknowledged = 0

    def __call__(self, state: FleetState) -> str:
        """The line for this state."""
        total = state.total
        made, acknowledged = total.made - self._made, total.acknowledged - self._acknowledged
        self._made, self._acknowledged = total.made, total.acknowledged
        return (
            f"{state.connected}/{state.towers} towers   {made:,} rows/s   {acknowledged:,} acknowledged/s   "
            f"{sum(state.pending.values()):,} pending   p99 {_ms(state.recent_p99_s)}"
        )


def summary(state: FleetState, seconds: float, cpu_s: float) -> dict[str, Any]:
    """What a run has come to, as JSON: made in ``seconds``, at ``cpu_s`` of this process."""
    total = state.total
    return {
        "towers": state.towers,
        "connected": state.connected,
        "seconds": round(seconds, 3),
        "lanes": {
            lane.value: {
                "made": counts.made,
                "acknowledged": counts.acknowledged,
                "pending": state.pending[lane],
                "sent": counts.sent,
                "resent": counts.resent,
                "held_back": counts.held_back,
            }
            for lane, counts in state.lanes.items()
        },
        "readings_per_s": round(state.lanes[Lane.TELEMETRY].made / seconds, 1),
        "lost": state.lost,
        "phantom": total.phantom,
        "resent": total.resent,
        "held_back": total.held_back,
        "pending": sum(state.pending.values()),
        "messages": state.parcels,
        "ack_p50_ms": _milliseconds(state.ack_p50_s),
        "ack_p99_ms": _milliseconds(state.ack_p99_s),
        "ack_max_ms": _milliseconds(state.ack_longest_s),
        "disconnects": state.disconnects,
        "strays": state.strays,
        "cpu_share": round(cpu_s / seconds, 3),
        "rss_mb": round(_rss_mb(), 1),
    }


def in_words(found: dict[str, Any], folder: Path) -> str:
    """The summary for a person."""
    rows = sum(lane["made"] for lane in found["lanes"].values())
    return (
        f"{found['towers']} towers for {found['seconds']:.0f} s: {rows:,} rows, "
        f"{found['readings_per_s']:,.0f} readings/s\n"
        f"lost {found['lost']}, pending {found['pending']:,}, phantom {found['phantom']}, "
        f"resent {found['resent']:,}, held back {found['held_back']:,}\n"
        f"append to acknowledged: p50 {found['ack_p50_ms']} ms, p99 {found['ack_p99_ms']} ms, "
        f"longest {found['ack_max_ms']} ms in {found['messages']:,} messages\n"
        f"this process: {100 * found['cpu_share']:.0f} % of a core, {found['rss_mb']:.0f} MB; "
        f"logs of what --up started: {folder / 'fleet.log'}"
    )


def cpu_s() -> float:
    """Processor time that this process has used."""
    times = os.times()
    return times.user + times.system


def _rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _milliseconds(took_s: float | None) -> float | None:
    return None if took_s is None else round(took_s * 1000, 1)


def _ms(took_s: float | None) -> str:
    return "–" if took_s is None else f"{took_s * 1000:,.0f} ms"
