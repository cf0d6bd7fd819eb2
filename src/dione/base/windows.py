"""Windows on one global lattice: what to write, and what to read to write it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: rows `top` to `bottom`, columns `left` to `right`, ends left out."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, margin: int, shape: tuple[int, int], least: tuple[int, int] = (0, 0)) -> "Window":
        """Larger by `margin` on every side, cut off at the edges of a scene of `shape`; by more, where there is room, to be of the shape `least`."""
        top, bottom = _stretched(self.top - margin, self.bottom + margin, shape[0], least[0])
        left, right = _stretched(self.left - margin, self.right + margin, shape[1], least[1])
        return Window(top, left, bottom, right)

    def within(self, outer: "Window") -> "Window":
        """The same pixels, counted from the corner of `outer`."""
        return Window(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)

    def common(self, other: "Window") -> "Window | None":
        """The pixels that both have; None if there are none."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Window(top, left, bottom, right) if top < bottom and left < right else None

    def zoomed(self, zoom: int) -> "Window":
        """The same ground on a grid `zoom` times finer."""
        return Window(self.top * zoom, self.left * zoom, self.bottom * zoom, self.right * zoom)

    def halves(self) -> tuple["Window", "Window"]:
        """Two windows side by side, or one above the other where it is taller than wide."""
        if self.shape[0] > self.shape[1]:
            middle = (self.top + self.bottom) // 2
            return Window(self.top, self.left, middle, self.right), Window(middle, self.left, self.bottom, self.right)
        middle = (self.left + self.right) // 2
        return Window(self.top, self.left, self.bottom, middle), Window(self.top, middle, self.bottom, self.right)


def widest(windows: Iterable[Window], margin: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns that every one of these windows fits into once it is grown by `margin`."""
    heights, widths = zip(*(window.grown(margin, shape).shape for window in windows), strict=True)
    return max(heights), max(widths)


def _stretched(start: int, end: int, size: int, least: int) -> tuple[int, int]:
    """A span cut off at 0 and `size`, then made at least `least` long as far as there is room, upwards first."""
    start, end = max(start, 0), min(end, size)
    end = min(max(end, start + least), size)
    return max(min(start, end - least), 0), end


def lattice(shape: tuple[int, int], block: int) -> Iterator[Window]:
    """Windows of at most block × block pixels that cover a scene of `shape` once, row by row."""
    for top in range(0, shape[0], block):
        for left in range(0, shape[1], block):
            yield Window(top, left, min(top + block, shape[0]), min(left + block, shape[1]))
