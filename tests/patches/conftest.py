"""Made-up samples of the older pipeline's form."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dione.patches.older import sample, tables
from dione.patches.older.interchange import INDEX
from dione.testing import landscape, series

COUNTRIES = {
    "Lithuania": tables.Moments(mean=(0.1, 0.09, 0.06, 0.3), median=(0.0948, 0.0891, 0.0543, 0.3065), std=(0.017, 0.022, 0.029, 0.095)),
    "Cyprus": tables.Moments(mean=(0.14, 0.14, 0.17, 0.25), median=(0.137, 0.139, 0.174, 0.249), std=(0.026, 0.034, 0.053, 0.061)),
}
NORMS = tables.Tables(
    countries=COUNTRIES,
    sentinel=tables.Span(p1=(-1.41, -1.68, -1.8, -2.69), p99=(3.2, 2.82, 3.36, 2.04)),
    reference=tables.Span(p1=(-2.52, -2.37, -1.83, -2.62), p99=(2.51, 2.49, 2.88, 2.21)),
)
SPLITS = ("train", "train", "validation", "test")


def made_up(number, dates, country="Lithuania"):
    """A sample whose dates are of different days, and whose label is the landscape in another sensor's numbers."""
    made = series(landscape((8, 8), seed=number), days=dates, seed=number)
    features = np.round(np.moveaxis(made.stack["reflectance"].values, 1, -1).astype(np.float64), 4)
    label = NORMS.label(np.moveaxis(made.truth[-1], 0, -1).astype(np.float64), country).astype(np.float32)
    times = tuple(datetime(2020, 7, 1, 9, 45, 12) + timedelta(days=5 * day) for day in range(dates))
    return sample.Sample(features, label, times, datetime(2020, 9, 18, 9, 7, 25), f"eopatch-{number:04d}_7", country)


@pytest.fixture
def old_folder(tmp_path):
    """A folder of four samples in two countries, of 3, 5, 4 and 2 dates, with index and normalisation."""
    folder = tmp_path / "old"
    folder.mkdir()
    rows = []
    for number, dates in enumerate((3, 5, 4, 2)):
        made = made_up(number, dates, "Lithuania" if number % 2 else "Cyprus")
        name = f"data_{made.patchlet}_{number}.npz"
        sample.write(folder / name, made)
        row = {"patchlet": made.patchlet, "eopatch": made.patchlet[:-2], "countries": made.country, "timestamp_deimos": made.reference_time}
        row |= {"singleton_npz_filename": name, "timestamps_s2_str": "|".join(map(str, made.times)), "num_tstamps": dates}
        rows.append(row | {"train_test_validation": SPLITS[number], "is_shadow_v2": number == 3})
    pq.write_table(pa.Table.from_pylist(rows), folder / INDEX)
    tables.write(folder, NORMS)
    return folder
