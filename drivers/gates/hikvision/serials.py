"""A set of serial numbers, kept as spans: they come nearly without gaps, so that days of them stay small."""

from bisect import bisect_right

SPANS_MAX = 4096


class Serials:
    """Which serial numbers were seen."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __contains__(self, serial: int) -> bool:
        at = bisect_right(self._firsts, serial) - 1
        return at >= 0 and serial <= self._lasts[at]

    def add(self, serial: int) -> None:
        """Take a number in. Of too many spans the two oldest become one: old gaps are forgotten first."""
        at = bisect_right(self._firsts, serial) - 1
        if at >= 0 and serial <= self._lasts[at]:
            return
        after_left = at >= 0 and self._lasts[at] == serial - 1
        before_right = at + 1 < len(self._firsts) and self._firsts[at + 1] == serial + 1
        if after_left and before_right:
            self._lasts[at] = self._lasts.pop(at + 1)
            del self._firsts[at + 1]
        elif after_left:
            self._lasts[at] = serial
        elif before_right:
            self._firsts[at + 1] = serial
        else:
            self._firsts.insert(at + 1, serial)
            self._lasts.insert(at + 1, serial)
        if len(self._firsts) > SPANS_MAX:
            del self._firsts[1], self._lasts[0]

    def unbroken_from(self, serial: int) -> int:
        """The last number reached from ``serial`` without a gap; ``serial`` itself if the next is missing."""
        at = bisect_right(self._firsts, serial + 1) - 1
        return self._lasts[at] if at >= 0 and self._lasts[at] > serial else serial
