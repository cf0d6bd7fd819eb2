"""The same stages in an object store, on a server of our own; and no credential comes out anywhere."""

from pathlib import Path

import numpy as np
import pytest

from dione.pairs import eopatches
from dione.pairs.build import Built, build
from dione.pairs.recipe import BuildRecipe
from dione.patches import store
from dione.sources import open as open_source
from dione.sources.delivered import deliveries, scenetable
from dione.testing.world import World

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.slow
def test_scan_build_and_export_in_an_object_store_give_what_they_give_on_disk(
    bucket: str, made: World, built: Built, recipe_for, few, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    import s3fs

    fs = s3fs.S3FileSystem()
    for name in ("delivery", "sentinel2"):
        fs.put(str(made.folder / name), f"{bucket}/{name}", recursive=True)
    table = f"{bucket}/scenes.parquet"
    scenetable.write(table, map(scenetable.row, deliveries.scan(f"{bucket}/delivery").products))
    here = recipe_for(made, areas=few).model_dump(mode="json")
    build(BuildRecipe.model_validate(here), tmp_path / "local", areas=str(made.folder / "areas"), workers=1)
    fs.put_file(str(few["regions"]), f"{bucket}/few.geojson")
    regions = here["areas"] | {"regions": f"{bucket}/few.geojson"}
    there = BuildRecipe.model_validate(here | {"sentinel2": {"source": f"{bucket}/sentinel2"}, "vhr": {"scenes": table}, "areas": regions})

    ended = build(there, f"{bucket}/built", areas=f"{bucket}/areas", workers=1)
    local, remote = store.read(tmp_path / "local"), store.read(f"{bucket}/built")
    assert not ended.failed and all(np.array_equal(getattr(local, name)[:], getattr(remote, name)[:]) for name in ("lr", "valid", "hr"))
    assert build(there, f"{bucket}/built", areas=f"{bucket}/areas", workers=1).fresh == 0

    count = eopatches.export(remote, f"{bucket}/eopatches")
    first = sorted(fs.ls(f"{bucket}/eopatches"))[0]
    opened = open_source(f"s3://{first}/reference", bands=("blue", "green", "red", "nir"))
    assert count >= 2 and opened.sizes["y"] == 96 and bool(opened["valid"].any())

    written = [fs.cat_file(path) for place in ("areas", "built", "eopatches") for path in fs.find(f"{bucket}/{place}")]
    assert not any(b"verysecret" in data for data in [*written, caplog.text.encode()])


def test_a_recipe_has_no_place_for_credentials(recipe_for, made: World):
    from pydantic import ValidationError

    values = recipe_for(made).model_dump(mode="json")
    for secret in ("key", "secret", "token", "storage_options"):
        with pytest.raises(ValidationError, match=secret):
            BuildRecipe.model_validate(values | {"sentinel2": {"source": "s3://bucket/x", secret: "abc"}})
