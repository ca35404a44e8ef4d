"""Large blocks go back to the system."""

import ctypes
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from cardea.runtime.allocator import give_back_large_blocks

GLIBC = hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


@pytest.mark.skipif(not GLIBC, reason="only glibc learns to keep large blocks")
@pytest.mark.parametrize(("told", "kept_mb"), [("", 60), ("give_back_large_blocks()", 2)])
def test_what_is_freed_between_blocks_that_stay_is_given_back(told: str, kept_mb: float) -> None:
    """Without it a C library that has freed one large block keeps the next ones."""
    code = f"""
        import ctypes
        from cardea.runtime.allocator import give_back_large_blocks
        libc = ctypes.CDLL(None)
        libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        libc.free.argtypes = [ctypes.c_void_p]
        libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
        def rss_mb():
            return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20
        def block(size):
            at = libc.malloc(size)
            libc.memset(at, 1, size)
            return at
        {told}
        libc.free(block(30 * 2**20))
        before = rss_mb()
        large = [(block(8 * 2**20), block(4096)) for _ in range(8)]
        for each, _ in large:
            libc.free(each)
        print(rss_mb() - before)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True
    )
    kept = float(ran.stdout)
    assert kept > kept_mb if not told else kept < kept_mb


def test_a_c_library_without_the_setting_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def bare(_: Any) -> object:
        return object()

    monkeypatch.setattr(ctypes, "CDLL", bare)
    assert give_back_large_blocks() is False
