"""The four bands, in the one order used everywhere, and the names that files give them."""

from dione.base.errors import BadBands, faults

BANDS = ("blue", "green", "red", "nir")
PAN = ("pan",)
"""The one band of a panchromatic Stack, which comes beside a multispectral one and is never mixed with it."""

ALIASES = {
    "blue": {"blue", "b", "b2", "b02", "sr_b2"},
    "green": {"green", "g", "b3", "b03"},
    "red": {"red", "r", "b4", "b04"},
    "nir": {"nir", "n", "nir08", "b8", "b08", "near infrared", "near-infrared"},
}
CLASSES = {"scl": {"scl", "scene classification", "scene_classification"}, "clm": {"clm", "cloud mask", "cloud_mask"}}


def band_of(name: str | None) -> str | None:
    """The standard name for a file's band name (`B08` → `nir`, `SCL` → `scl`), or None if it is not one we use."""
    key = (name or "").strip().lower()
    matches = (standard for standard, aliases in (ALIASES | CLASSES).items() if key in aliases)
    return next(matches, None)


def order_of(names: list[str | None], where: str) -> dict[str, int]:
    """Position of each standard band among `names`: `{"blue": 0, ...}`, with `scl` or `clm` if there.

    Raises BadBands if one of the four is missing or any is doubled; the order is never guessed.
    """
    found: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        if standard := band_of(name):
            found.setdefault(standard, []).append(position)
    wrong = [f"no {band} band" for band in BANDS if band not in found]
    wrong += [f"{band} stands {len(at)} times (bands {[p + 1 for p in at]})" for band, at in found.items() if len(at) > 1]
    if wrong:
        shown = [name or "(unnamed)" for name in names]
        raise BadBands(
            faults(f"{where} has bands {shown}", wrong, "name them with --bands, in the file's order, e.g. --bands blue,green,red,nir (a dash skips one)")
        )
    return {band: at[0] for band, at in found.items()}
