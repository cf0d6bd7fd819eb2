"""Windows on one global lattice: what to write, and what to read to write it."""

from collections.abc import Iterator
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

    def grown(self, margin: int, shape: tuple[int, int]) -> "Window":
        """Larger by `margin` on every side, cut off at the edges of a scene of `shape`."""
        return Window(max(self.top - margin, 0), max(self.left - margin, 0), min(self.bottom + margin, shape[0]), min(self.right + margin, shape[1]))

    def within(self, outer: "Window") -> "Window":
        """The same pixels, counted from the corner of `outer`."""
        return Window(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)

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


def lattice(shape: tuple[int, int], block: int) -> Iterator[Window]:
    """Windows of at most block × block pixels that cover a scene of `shape` once, row by row."""
    for top in range(0, shape[0], block):
        for left in range(0, shape[1], block):
            yield Window(top, left, min(top + block, shape[0]), min(left + block, shape[1]))
