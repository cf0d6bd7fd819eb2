"""A patch store → a folder of samples of the older pipeline (interchange.py says what is in one).

What was imported comes out as it went in. Any other store has labels in reflectance, of which the older pipeline's
label is made by its own formulas, so that reading it back gives the same reflectance; the normalisation is then counted
from the store's training rows, country by country (its column `country`, or `site`). Their form has no mask, and their rule
was at most 5 % of cloud: a support with more is left out, and what stands in the store under the rest of the clouds is
written as it is, NaN where nothing does.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dione.base.errors import BadSource
from dione.base.storage import parquet
from dione.patches.older import counts, sample, tables
from dione.patches.older.interchange import INDEX, Progress
from dione.patches.store import PER_UNIT, Store
from dione.sources.carrying import alone_at

CLEAR = 0.95
"""Share of a support that has to be seen clear."""


def export_folder(store: Store, out: Path, *, progress: Progress = lambda *_: None) -> int:
    """Write every patch of `store` that curation kept to `out`, with index and normalisation; returns how many. Raises BadSource or CannotWrite."""
    with alone_at(out):
        norms = tables.of_store(store) or counts.tables(store)
        (out / INDEX).unlink(missing_ok=True)  # written last: what an earlier export left is not to be read by this one's normalisation
        tables.write(out, norms)
        kept, rows = set(store.rows().tolist()), []
        for span in store.spans():
            lr, valid, hr = (np.asarray(part[span]) for part in (store.lr, store.valid, store.hr))
            for at, facts in enumerate(store.index.slice(span.start, len(lr)).to_pylist()):
                if span.start + at not in kept:
                    continue
                made = sample_of(lr[at], valid[at], hr[at], facts, norms, row=span.start + at)
                name = _file(facts, span.start + at)
                sample.write(out / name, made)
                rows.append(index_row(made, facts, name))
                progress("export", len(rows), len(kept))
        parquet.write(out / INDEX, pa.Table.from_pylist(rows, schema=_SCHEMA))
    return len(rows)


def sample_of(lr: np.ndarray, valid: np.ndarray, hr: np.ndarray, facts: dict[str, Any], norms: tables.Tables, *, row: int) -> sample.Sample:
    """One patch in the older form: dates from oldest to newest."""
    if not valid[0].any():
        raise BadSource(f"row {row} ({facts['site']}/{facts['place']}) has a target that was nowhere seen clear: the older form cannot hold it")
    kept = np.flatnonzero((valid.mean((1, 2)) >= CLEAR) | (np.arange(len(valid)) == 0))
    known = valid[kept] | (lr[kept] > 0).any(1)
    seen = np.where(known[:, None], lr[kept].astype(np.float64) / PER_UNIT, np.nan)[::-1]
    country = counts.country(facts)
    label = norms.label(np.moveaxis(hr.astype(np.float64) / PER_UNIT, 0, -1), country)
    dates = facts.get("dates") or []
    times = tuple(_time(dates[at] if at < len(dates) else "") for at in kept[::-1])
    patchlet = str(facts.get("patchlet") or f"{facts['place']}_{row}")
    return sample.Sample(np.moveaxis(seen, 1, -1), label.astype(np.float32), times, _time(facts.get("reference_date") or ""), patchlet, country)


def index_row(made: sample.Sample, facts: dict[str, Any], name: str) -> dict[str, Any]:
    """Of npz_info.pq."""
    reference = made.reference_time
    return {
        "patchlet": made.patchlet,
        "eopatch": str(facts["place"]),
        "countries": made.country,
        "timestamp_deimos": reference and reference.replace(tzinfo=None),
        "singleton_npz_filename": name,
        "timestamps_s2_str": "|".join(str(time.replace(tzinfo=None)) if time else "" for time in made.times),
        "num_tstamps": len(made.times),
        "train_test_validation": facts["split"],
        "is_shadow_v2": bool(facts.get("shadow") or False),
    }


_SCHEMA = pa.schema(
    {
        **{name: pa.string() for name in ("patchlet", "eopatch", "countries")},
        "timestamp_deimos": pa.timestamp("us"),
        **{name: pa.string() for name in ("singleton_npz_filename", "timestamps_s2_str")},
        "num_tstamps": pa.int64(),
        "train_test_validation": pa.string(),
        "is_shadow_v2": pa.bool_(),
    }
)


def _file(facts: dict[str, Any], row: int) -> str:
    """Its own name where it came from a .npz, one made of place and row otherwise."""
    files = facts.get("files")
    own = [name for name in (files if isinstance(files, list) else []) if str(name).endswith(".npz") and Path(str(name)).name == str(name)]
    place = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{facts['site']}-{facts['place']}")
    return str(own[0]) if len(own) == 1 else f"data_{place}_{row}.npz"


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except (TypeError, ValueError) as error:
        raise BadSource(f"a date of the index is {text!r:.60}, needs to be as 2024-05-06T10:49:11\nmend the columns dates and reference_date") from error
