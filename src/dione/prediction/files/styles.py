"""QGIS styles beside the outputs, so that they open stretched and named: true colour, a ramp of sigma, the classes of support.

QGIS reads NAME.qml when it opens NAME.tif. It applies a file's scale by itself, so ranges are in reflectance.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

from dione.base.storage.files import write_text
from dione.prediction.files.form import SUPPORT, Class
from dione.prediction.looks import picture
from dione.prediction.run import Target

RAMP = ((0.0, "#ffffd4"), (0.25, "#fed98e"), (0.5, "#fe9929"), (0.75, "#d95f0e"), (1.0, "#993404"))
"""Light to dark, readable in grey too (ColorBrewer YlOrBr)."""
WORST = 0.03
"""Reflectance drawn darkest; the same for every date, so that dates can be compared."""


def write(out: Path, target: Target) -> list[Path]:
    """A .qml for each file of a target. Raises CannotWrite."""
    colours = true_colour(picture.stretch(picture.measure(target), picture.TRUE_COLOUR))
    shown = {target.sr: colours} | ({} if target.input is None else {target.input: colours})
    if target.sigma is not None:
        shown[target.sigma] = ramp(WORST)
    if target.support is not None:
        shown[target.support] = classes(SUPPORT.classes)
    return [write_text(out / f"{file.stem}.qml", text) for file, text in shown.items()]


def true_colour(stretch: picture.Stretch) -> str:
    """Red, green and blue between the stretch's black and white, reflectance."""
    renderer = Xml.Element("rasterrenderer", type="multibandcolor", opacity="1", alphaBand="-1", redBand="3", greenBand="2", blueBand="1")
    for colour, low, high in zip(("red", "green", "blue"), stretch.low, stretch.high, strict=True):
        contrast = Xml.SubElement(renderer, f"{colour}ContrastEnhancement")
        for name, value in (("minValue", f"{low:.4g}"), ("maxValue", f"{high:.4g}"), ("algorithm", "StretchToMinimumMaximum")):
            Xml.SubElement(contrast, name).text = value
    return _style(renderer)


def ramp(worst: float) -> str:
    """The first band (blue) from 0 to `worst`, reflectance, light to dark."""
    renderer = Xml.Element(
        "rasterrenderer", type="singlebandpseudocolor", opacity="1", alphaBand="-1", band="1", classificationMin="0", classificationMax=f"{worst:g}"
    )
    shader = Xml.SubElement(Xml.SubElement(renderer, "rastershader"), "colorrampshader", colorRampType="INTERPOLATED", classificationMode="1", clip="0")
    for share, colour in RAMP:
        Xml.SubElement(shader, "item", value=f"{share * worst:g}", color=colour, alpha="255", label=f"{share * worst:.4f}")
    return _style(renderer)


def classes(kinds: Sequence[Class]) -> str:
    """Each class in its colour, with its name."""
    renderer = Xml.Element("rasterrenderer", type="paletted", opacity="1", alphaBand="-1", band="1")
    palette = Xml.SubElement(renderer, "colorPalette")
    for kind in kinds:
        Xml.SubElement(palette, "paletteEntry", value=str(kind.value), color=f"#{kind.hexadecimal.lower()}", alpha="255", label=kind.name)
    return _style(renderer)


def _style(renderer: Xml.Element) -> str:
    style = Xml.Element("qgis", version="3.22", styleCategories="Symbology")
    Xml.SubElement(style, "pipe").append(renderer)
    Xml.indent(style)
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + Xml.tostring(style, encoding="unicode") + "\n"
