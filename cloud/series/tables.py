"""The tables of one day's file, and what is asked of them."""

FORMAT = 1
LAYOUT = "BLOCK_SIZE 65536, ROW_GROUP_SIZE 61440"
"""Small ones: a day of one series touches many, and needs little of each. Halves the time of a question."""

BEGUN = "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND table_name = 'progress'"

_PARTS = (
    "(series INTEGER NOT NULL, minute BIGINT NOT NULL, count BIGINT NOT NULL, total DOUBLE NOT NULL,"
    " low DOUBLE NOT NULL, high DOUBLE NOT NULL)"
)
_READINGS = "series INTEGER NOT NULL, t_ms BIGINT NOT NULL, value DOUBLE NOT NULL"
_RANGES = (
    "batch INTEGER NOT NULL, gateway VARCHAR NOT NULL, epoch VARCHAR NOT NULL, first BIGINT NOT NULL,"
    " last BIGINT NOT NULL"
)
_PROGRESS = (
    "format INTEGER NOT NULL, batch INTEGER NOT NULL, first_ms BIGINT NOT NULL, last_ms BIGINT NOT NULL"
)

CREATE = (
    "CREATE TABLE series (number INTEGER NOT NULL, gateway VARCHAR NOT NULL, name VARCHAR NOT NULL)",
    # ``batch`` counts commits: what stands behind the last flush is found by it after a crash
    f"CREATE TABLE readings ({_READINGS}, batch INTEGER NOT NULL)",
    # parts of minutes as they were flushed, and the same sorted by series, which makes a day quick to read
    f"CREATE TABLE fresh {_PARTS}",
    f"CREATE TABLE minutes {_PARTS}",
    f"CREATE TABLE newest ({_READINGS})",
    # a journal: of each outbox the last batch counts; a flush leaves only that
    f"CREATE TABLE ranges ({_RANGES})",
    # one row: the last batch whose readings are in the minutes and in ``newest``, and their span
    f"CREATE TABLE progress ({_PROGRESS})",
)

KEEP_RANGES = "INSERT INTO ranges SELECT ?, gateway, epoch, first, last FROM spans"
RANGES = (
    "SELECT gateway, epoch, first, last FROM ranges"
    " QUALIFY batch = max(batch) OVER (PARTITION BY gateway, epoch)"
)

_SORTED = (
    "INSERT INTO minutes SELECT series, minute, sum(count), sum(total), min(low), max(high) FROM fresh"
    " GROUP BY series, minute ORDER BY series, minute"
)
TIDY = (_SORTED, "DELETE FROM fresh")

TAIL_MINUTES = (
    "SELECT series, t_ms // 60000 AS minute, count(*) AS count, sum(value) AS total, min(value) AS low,"
    " max(value) AS high FROM readings WHERE batch > ? GROUP BY ALL"
)
TAIL_NEWEST = (
    "SELECT series, max(t_ms) AS t_ms, arg_max(value, (t_ms, batch)) AS value FROM readings WHERE batch > ?"
    " GROUP BY series"
)
TAIL_SPAN = "SELECT max(batch), min(t_ms), max(t_ms) FROM readings WHERE batch > ?"

_PART = "FROM {table} WHERE series = $series AND minute >= $first AND minute < $last"
_ADDED_UP = (
    "SELECT (minute * 60000 - $origin) // $step AS stretch, sum(count), sum(total), min(low), max(high)"
    " FROM (%s) GROUP BY stretch"
)
_RAW = (
    "SELECT (t_ms - $origin) // $step AS stretch, count(*), sum(value), min(value), max(value) FROM %s"
    " WHERE series = $series AND t_ms >= $origin AND t_ms < $end GROUP BY stretch"
)
_PARQUET = "read_parquet($files)"
CLOSED_STRETCHES = _ADDED_UP % _PART.format(table=_PARQUET)
CLOSED_RAW_STRETCHES = _RAW % _PARQUET


def stretches(day: str) -> str:
    """The question to the minutes of an attached day; named, so that no cursor depends on a day."""
    return _ADDED_UP % " UNION ALL ".join(
        _PART.format(table=f"{day}.{part}") for part in ("minutes", "fresh")
    )


def raw_stretches(day: str) -> str:
    """The question to its single readings."""
    return _RAW % f"{day}.readings"


EXPORT = {
    "series": "SELECT number, gateway, name FROM series ORDER BY number",
    "minutes": (
        "SELECT series, minute, sum(count)::BIGINT AS count, sum(total) AS total, min(low) AS low,"
        " max(high) AS high FROM (FROM minutes UNION ALL FROM fresh) GROUP BY series, minute"
        " ORDER BY series, minute"
    ),
    "readings": "SELECT series, t_ms, value FROM readings ORDER BY series, t_ms",
}
"""Of a closed day, by file."""
