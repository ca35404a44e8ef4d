"""What a camera says in lines of ``key=value``, and how it says that something is wrong. Pure."""

from collections.abc import Mapping

TEXT_BYTES_MAX = 64 * 1024
_ERROR = b"Error"
_NO_AUTHORITY = b"Invalid Authority"


def values_of(content: bytes) -> Mapping[str, str]:
    """By key; lines that are none are left out, and what is too long to be a text says nothing."""
    if len(content) > TEXT_BYTES_MAX:
        return {}
    lines = content.decode("utf-8", "replace").splitlines()
    pairs = (line.partition("=") for line in lines)
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def value_of(values: Mapping[str, str], name: str) -> str:
    """Of the first key whose last word is ``name``, whatever stands before it; "" when there is none."""
    wanted = name.lower()
    return next((value for key, value in values.items() if key.lower().rpartition(".")[2] == wanted), "")


def is_error(content: bytes) -> bool:
    """Some firmware says so under HTTP 200."""
    return content.lstrip().startswith(_ERROR) and len(content) < TEXT_BYTES_MAX


def is_refusal(content: bytes) -> bool:
    """A password that is not accepted, which some firmware says under HTTP 200 too."""
    return is_error(content) and _NO_AUTHORITY in content


def reason_of(content: bytes) -> str:
    """What an error says of itself; "" when it says nothing."""
    if len(content) > TEXT_BYTES_MAX:
        return ""
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    said = next((line for line in lines if line and line != "Error"), "")
    return said.rpartition("Detail=")[2][:120]
