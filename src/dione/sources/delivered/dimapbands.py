"""The bands that DIMAP metadata describe: which is which, and how numbers become radiance."""

import re
from xml.etree.ElementTree import Element

from dione.base.bands import BANDS, PAN, band_of
from dione.sources.delivered.fields import Fields
from dione.sources.delivered.product import VhrBand

LARGEST = 1e6
"""Gain or bias, W/m²/sr/µm: the sun itself gives less than 2,100 outside the air."""
RADIANCE = re.compile(r"w/?m\^?-?2.*sr.*(um|µm|μm|micron|micrometer)")
"""PHYSICAL_UNIT in lower case, without spaces, brackets and stars: W/m^2/sr/um and its spellings; no milliwatts."""
NAMES = {"pan": "pan", "panchromatic": "pan", "p": "pan"}


def bands_of(fields: Fields, usual: tuple[str, ...], mission: str) -> tuple[VhrBand, ...] | None:
    """Blue, green, red and nir, or pan, in that order and not in the raster's; None, with faults noted, if they are not clear.

    usual: the sensor's order of bands, () if it is not known. What is wrong in a single band is noted as a fault too.
    """
    before = len(fields.faults)
    order = _order(fields, usual, mission)
    if len(fields.faults) > before:
        return None
    found = [_band(fields, info, name) for info, name in zip(_infos(fields), order, strict=True) if name != "-"]
    by_name = {band.name: band for band in found if band}
    return tuple(by_name[name] for name in (*BANDS, *PAN) if name in by_name)


def _infos(fields: Fields) -> list[Element]:
    return list(fields.root.iter("Spectral_Band_Info"))


def _order(fields: Fields, usual: tuple[str, ...], mission: str) -> tuple[str, ...]:
    """What each Spectral_Band_Info is: by its description, or else by the sensor's usual order; never guessed."""
    listed = _infos(fields)
    described = [_name(fields.text("BAND_DESCRIPTION", of=info)) for info in listed]
    indices = [fields.whole("BAND_INDEX", of=info, needed=True) or 0 for info in listed]
    order: tuple[str, ...] = ()
    if all(described):
        order = tuple(name for name in described if name)
    elif usual and not any(described):
        order = PAN if len(listed) == 1 else tuple(usual[index - 1] for index in indices if 1 <= index <= len(usual)) if len(usual) == len(listed) else ()
    if not order:
        found = [fields.text("BAND_DESCRIPTION", of=info) or "(unnamed)" for info in listed]
        fields.faults.append(f"{len(listed)} bands in an unknown order: descriptions {found}, mission '{mission or 'not told'}'")
    elif sorted(order) != sorted(BANDS) and order != PAN:
        fields.faults.append(f"bands are {list(order)}, need blue, green, red and nir once each, or pan alone")
    if sorted(indices) != list(range(1, len(listed) + 1)):
        fields.faults.append(f"BAND_INDEX are {indices}, need 1 to {len(listed)} once each")
    return order


def _name(description: str) -> str | None:
    found = NAMES.get(description.strip().lower()) or band_of(description)
    return found if found in (*BANDS, *PAN) else None


def _band(fields: Fields, info: Element, name: str | None) -> VhrBand | None:
    """One band and its statistics; None, with faults, where gain, bias or unit are missing."""
    index = fields.whole("BAND_INDEX", of=info)
    gain, bias = (fields.number(f"PHYSICAL_{what}", of=info, needed=True) for what in ("GAIN", "BIAS"))
    unit = fields.text("PHYSICAL_UNIT", of=info, needed=True)
    if unit and not RADIANCE.fullmatch(re.sub(r"[\s()*·.]", "", unit.lower())):
        fields.faults.append(f"PHYSICAL_UNIT of band {index} is '{unit}', needs W/m^2/sr/um")
    if gain is not None and gain <= 0:
        fields.faults.append(f"PHYSICAL_GAIN of band {index} is {gain:g}, needs to be above 0")
    fields.faults += [
        f"{what} of band {index} is {value:g}: no radiance is as large"
        for what, value in (("PHYSICAL_GAIN", gain), ("PHYSICAL_BIAS", bias))
        if value is not None and abs(value) > LARGEST
    ]
    esun = fields.number("ESUN", of=info)
    if esun is not None and esun <= 0:
        fields.faults.append(f"ESUN of band {index} is {esun:g}, needs to be above 0")
    if index is None or gain is None or bias is None or name is None:
        return None
    seen = next((one for one in fields.root.iter("Band_Statistics") if (one.findtext("BAND_INDEX") or "").strip() == str(index)), None)
    lowest, highest, mean, deviation = (None if seen is None else fields.number(f"STX_{what}", of=seen) for what in ("MIN", "MAX", "MEAN", "STDV"))
    return VhrBand(name, index, gain, bias, "radiance", esun, lowest, highest, mean, deviation)
