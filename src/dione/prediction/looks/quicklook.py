"""quicklook.png: before beside after, one stretch, read back from the finished file."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dione.base.storage.files import whole
from dione.prediction.looks import picture
from dione.prediction.run import Run, Target

MAX_SIDE = 1600
GAP, HEAD = 12, 44
ROOM = (MAX_SIDE - 3 * GAP) // 2
"""Of either picture, pixels a side."""
PAPER, INK, FAINT = (250, 250, 248), (30, 32, 34), (105, 110, 114)


def write(out: Path, run: Run) -> Path:
    """OUT/quicklook.png: the target seen clearest (the latest of equals), in true colour."""
    best = max(run.targets, key=lambda target: (round(target.clear, 3), target.day))
    path = out / "quicklook.png"
    with whole(path) as partial:
        sheet(run, best).save(partial, "PNG")
    return path


def sheet(run: Run, target: Target) -> Image.Image:
    """The two pictures under a title, at most MAX_SIDE pixels wide or high."""
    after = picture.read(target.sr, about=ROOM)
    tones = picture.stretch(picture.measure(target), picture.TRUE_COLOUR)
    size = _size((after.shape[1], after.shape[2]))
    pictures = [picture.fitted(tones.paint(target.before.whole), size, span=target.before.span), picture.fitted(tones.paint(after), size)]
    page = Image.new("RGB", (2 * size[1] + 3 * GAP, size[0] + HEAD + GAP), PAPER)
    draw = ImageDraw.Draw(page)
    titles = (f"{target.day}  as measured", f"{run.zoom} times sharper")  # the font built into Pillow has no ×
    for number, (pixels, title) in enumerate(zip(pictures, titles, strict=True)):
        left = GAP + number * (size[1] + GAP)
        page.paste(Image.fromarray(pixels), (left, HEAD))
        _title(draw, (left, HEAD), title, room=size[1], ink=INK if number else FAINT)
    return page


def _size(shape: tuple[int, int]) -> tuple[int, int]:
    """Large enough to be seen, whatever the scene: small ones are enlarged by a whole number, large ones fill the room."""
    factor = ROOM // max(shape) or ROOM / max(shape)
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def _title(draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, *, room: int, ink: tuple[int, int, int]) -> None:
    """A line over a picture, smaller when the picture is narrow; none where it would not fit."""
    for points in (20, 15, 11):
        font = ImageFont.load_default(points)
        if draw.textlength(text, font=font) <= room:
            draw.text((corner[0], corner[1] - 12), text, font=font, fill=ink, anchor="ls")
            return
