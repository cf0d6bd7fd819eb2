"""How numbers of Sentinel-2 become reflectance, found in metadata and never from the date.

Products since processing baseline 04.00, and all that were reprocessed since, hold reflectance × 10000 + 1000. Some
catalogues take the 1000 off, some do not, and say so in different ways; what they say can contradict itself. Each piece
of evidence is a claim; claims that do not go together are an error that names both.

    product      the XML that the product came with (BOA_ADD_OFFSET, RADIO_ADD_OFFSET)
    baseline     s2:processing_baseline, or Nxxxx in the product's name
    bands        raster:bands (STAC 1.0) or raster:scale and raster:offset (1.1) of each asset
    applied      earthsearch:boa_offset_applied: whether the catalogue has taken the 1000 off
"""

from dataclasses import dataclass

from dione.base.errors import BadValues, faults

SCALE = 1e-4
OFFSET = -0.1
FIRST_WITH_OFFSET = (4, 0)
BY_USERS = (99, 99)
"""What Sen2Cor calls the baseline of what users make with it (N9999): out of L1C of any baseline, with its offset or without."""
NEAR = 1e-9
TELL = "tell it with --offset: -0.1 if it is still to be applied, 0 if it was"


@dataclass(frozen=True)
class Claims:
    """What the metadata of one item say; None where they say nothing."""

    item: str
    baseline: tuple[int, int] | None = None
    scale: float | None = None
    """Of one number, by the bands."""
    offset: float | None = None
    """To be added, by the bands, reflectance."""
    applied: bool | None = None
    product: float | None = None
    """The offset that the product's own XML names, reflectance."""
    unaltered: bool = False
    """The pixels are the product's own: its JPEG 2000 files, or a catalogue known to change none."""
    flag_wins: bool = False
    """The catalogue's bands are known to repeat the product's offset whether or not it was applied; its flag tells."""


@dataclass(frozen=True)
class Radiometry:
    """reflectance = number × scale + offset."""

    scale: float
    offset: float
    told_by: str


def decide(claims: Claims, *, scale: float | None = None, offset: float | None = None) -> Radiometry:
    """What to apply: as given, or as the metadata say. Raises BadValues where they contradict each other or say too little."""
    found, told_by = _of_claims(claims) if offset is None else (offset, "given")
    told = SCALE if claims.scale is None else claims.scale
    return Radiometry(told if scale is None else scale, found, told_by)


def _of_claims(claims: Claims) -> tuple[float, str]:
    expected, why = _of_product(claims)
    if claims.applied:
        if claims.offset and not claims.flag_wins:
            raise _contradiction(claims, f"its bands say that {claims.offset:g} is to be added", "earthsearch:boa_offset_applied says that it was")
        return 0.0, "earthsearch:boa_offset_applied"
    if claims.offset is not None:
        if expected is not None and abs(claims.offset - expected) > NEAR:
            raise _contradiction(claims, f"its bands say that {claims.offset:g} is to be added", f"{why}, which means {expected:g}")
        return claims.offset, "raster:bands"
    if expected is None:
        raise BadValues(f"{claims.item} tells neither offset nor processing baseline, so its reflectance is not known\n{TELL}")
    if expected and claims.applied is None and not claims.unaltered:
        raise BadValues(f"{claims.item}: {why}, which means {expected:g}, and nothing says whether the catalogue has applied it\n{TELL}")
    return expected, why


def _of_product(claims: Claims) -> tuple[float | None, str]:
    """The offset that the product was made with, and what tells it."""
    by_baseline = None if claims.baseline in (None, BY_USERS) else OFFSET if claims.baseline >= FIRST_WITH_OFFSET else 0.0
    told = f"its processing baseline is {claims.baseline[0]:02d}.{claims.baseline[1]:02d}" if claims.baseline else ""
    if claims.product is None:
        return by_baseline, told
    if by_baseline is not None and abs(by_baseline - claims.product) > NEAR:
        raise _contradiction(claims, f"its XML names an offset of {claims.product:g}", f"{told}, which means {by_baseline:g}")
    return claims.product, "the product's XML"


def _contradiction(claims: Claims, one: str, other: str) -> BadValues:
    return BadValues(faults(f"the metadata of {claims.item} contradict each other", [one, other], TELL))
