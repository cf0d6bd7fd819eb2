"""Where EOPatch folders are, told by names alone, so that nothing large is imported to find out that there are none."""

from pathlib import Path

from dione.sources.places import naming, system

METADATA = {
    "box": ("bbox.geojson", "bbox.geojson.gz", "bbox.pkl", "bbox.pkl.gz"),
    "times": ("timestamps.json", "timestamps.json.gz", "timestamp.pkl", "timestamp.pkl.gz"),
}


def is_eopatch(path: str | Path) -> bool:
    """Whether a folder looks like an EOPatch: a box or times as eo-learn names them."""
    fs, inside = system(path)
    with naming(path):
        return bool(fs.isdir(inside)) and any(fs.exists(f"{inside}/{name}") for names in METADATA.values() for name in names)
