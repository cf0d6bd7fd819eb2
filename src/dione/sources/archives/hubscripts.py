"""What Sentinel Hub is asked to compute for each pixel: its evalscripts (version 3).

The answer is one picture of floats: blue, green, red, nir as reflectance, then dataMask and, of Sentinel-2, CLM and CLP.
"""

import json
import re
from collections.abc import Sequence

from dione.base.errors import BadBands

SENTINEL2 = ("B02", "B03", "B04", "B08")
MASKS = ("dataMask", "CLM", "CLP")
"""1 = seen; 0 clear, 1 cloud, 255 unknown; cloud probability in 255ths."""
SCRIPT = """//VERSION=3
function setup() {{
  return {{
    input: [{{ bands: {bands}, units: {units} }}],
    output: {{ bands: {count}, sampleType: "FLOAT32" }},
    mosaicking: "SIMPLE"
  }};
}}
function evaluatePixel(s) {{
{body}
}}
"""


def sentinel2() -> str:
    """For L1C and L2A: reflectance, harmonised by Sentinel Hub, so that no offset is left in."""
    bands = [*SENTINEL2, *MASKS]
    body = f"  return [{', '.join(f's.{band}' for band in bands)}];"
    return _script(bands, ["REFLECTANCE"] * len(SENTINEL2) + ["DN"] * len(MASKS), len(bands), body)


def byoc(bands: Sequence[str], *, scale: float) -> str:
    """For a collection of one's own (VHR): its blue, green, red, nir and, as a fifth, pan, which sharpens the others.

    Each band is multiplied by pan over the mean of the four (Brovey). Raises BadBands for other numbers of bands, or names
    that are no names.
    """
    wrong = [band for band in bands if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", band)]
    if len(bands) not in (4, 5) or wrong:
        raise BadBands(f"bands are {list(bands)}; needs the collection's names of blue, green, red, nir and, if it has one, pan: --bands B,G,R,NIR,PAN")
    colours = [f"s.{band}" for band in bands[:4]]
    ratio = f"4 * s.{bands[4]} / ({' + '.join(colours)})" if len(bands) == 5 else "1"
    body = f"  const k = {scale!r} * ({ratio});\n  return [{', '.join(f'k * {colour}' for colour in colours)}, s.dataMask];"
    return _script([*bands, "dataMask"], ["DN"] * (len(bands) + 1), 5, body)


def _script(bands: Sequence[str], units: Sequence[str], count: int, body: str) -> str:
    return SCRIPT.format(bands=json.dumps(list(bands)), units=json.dumps(list(units)), count=count, body=body)
