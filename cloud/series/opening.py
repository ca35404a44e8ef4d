"""The series store that the settings name; only what it needs is imported."""

from typing import TYPE_CHECKING

import duckdb

from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.config import Secrets
from cloud.ledger import Ledger
from cloud.series.days import days_in, quoted
from cloud.series.embedded import EmbeddedStore
from cloud.series.store import SeriesStore, SeriesUnusable
from cloud.settings import CloudSettings, EmbeddedSeries, LineProtocolSeries

if TYPE_CHECKING:
    from cloud.series.line_client import Target


def series_store(settings: CloudSettings, ledger: Ledger, clock: Clock, entropy: Entropy) -> SeriesStore:
    """Not opened yet.

    Raises:
        FileUnusable: the token cannot be read.
    """
    series = settings.series
    if isinstance(series, EmbeddedSeries):
        return EmbeddedStore(
            settings.series_folder(series),
            clock,
            retention_days=series.retention_days,
            memory_mb=series.memory_mb,
            threads=series.threads,
        )
    from cloud.series.line_store import LineStore

    return LineStore(_target(settings, series), ledger, clock, entropy)


def inspect_series(settings: CloudSettings) -> None:
    """Look at the store without changing it, if there is one. Blocks.

    Raises:
        FileUnusable: the token cannot be read.
        SeriesUnusable: a start would not get past it.
    """
    series = settings.series
    if isinstance(series, LineProtocolSeries):
        _target(settings, series)
        return
    folder = settings.series_folder(series)
    written = [day.file for day in days_in(folder) if day.file.exists()] if folder.is_dir() else []
    if not written:
        return
    try:
        with duckdb.connect(":memory:") as connection:
            connection.execute(f"ATTACH {quoted(written[-1])} AS day (READ_ONLY)")
    except duckdb.Error as error:
        if "lock" not in str(error):  # an aggregator that has it open is no fault
            raise SeriesUnusable(f"{written[-1]}: damaged ({str(error).partition(chr(10))[0]})") from error


def _target(settings: CloudSettings, series: LineProtocolSeries) -> "Target":
    from cloud.series.line_client import Target

    name = series.token_secret
    return Target(
        url=series.url.rstrip("/"),
        org=series.org,
        bucket=series.bucket,
        token=None if name is None else Secrets(settings.cloud.secrets_dir)(name),
        gzip=series.gzip,
        write_s_max=series.write_s_max,
        hold_s=series.hold_s,
        query_url=series.query_url,
    )
