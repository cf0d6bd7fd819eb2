"""What a store holds, in plain values."""

from collections import Counter
from typing import Any

from dione.patches.store import Store


def contents(opened: Store) -> dict[str, Any]:
    """Numbers of patches, by split, site and sensor, those that are kept; sizes; columns; what made it."""
    kept = opened.index.take(opened.rows())
    counts = {name: dict(sorted(Counter(map(str, kept[name].to_pylist())).items())) for name in ("split", "site", "sensor") if name in kept.column_names}
    return {
        "patches": opened.index.num_rows,
        "kept": kept.num_rows,
        "places": len(set(zip(kept["site"].to_pylist(), kept["place"].to_pylist(), strict=True))),
        **counts,
        "dates": int(opened.lr.shape[1]),
        "coarse_px": int(opened.lr.shape[-1]),
        "sharp_px": int(opened.hr.shape[-1]),
        "zoom": int(opened.about["zoom"]),
        "numbers": opened.about.get("numbers", "uint16"),
        "megabytes": opened.path.size / 1e6,
        "columns": sorted(opened.index.column_names),
        "conditions": opened.about.get("kept", []),
        "made_by": opened.about.get("made_by", "unknown"),
    }
