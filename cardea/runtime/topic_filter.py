"""MQTT topic filters (MQTT 5, 4.7): ``+`` stands for one level, ``#`` for all that follow."""

TOPIC_BYTES_MAX = 65535


def is_topic(name: str) -> bool:
    """Whether one may publish to ``name``."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= TOPIC_BYTES_MAX and not set(name) & {"+", "#", "\0"}


def is_filter(name: str) -> bool:
    """Whether one may subscribe to ``name``: wildcards fill whole levels, and ``#`` only the last."""
    levels = name.split("/")
    return is_topic(name.replace("+", "x").replace("#", "x")) and all(
        level == "+" or (level == "#" and place == len(levels)) or not set(level) & {"+", "#"}
        for place, level in enumerate(levels, 1)
    )


def matches(wanted: str, topic: str) -> bool:
    """Whether ``topic`` falls under the filter ``wanted``. Wildcards never reach ``$`` topics (4.7.2)."""
    wanted_levels, levels = wanted.split("/"), topic.split("/")
    if topic.startswith("$") and wanted_levels[0] in {"+", "#"}:
        return False
    if wanted_levels[-1] == "#":
        wanted_levels.pop()
        levels = levels[: len(wanted_levels)]
    return len(wanted_levels) == len(levels) and all(
        theirs in {"+", ours} for theirs, ours in zip(wanted_levels, levels, strict=True)
    )
