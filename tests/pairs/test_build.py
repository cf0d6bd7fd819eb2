"""From a made-up world to a store: what was planted is found, areas are kept, and one bad area or scene stops no other."""

import errno
import json
import os
import shutil
import signal
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from dione.base import stack as stacks
from dione.base.errors import BadSource, CannotWrite, DioneError, NotFound
from dione.base.machine import scheduler
from dione.base.storage import files
from dione.pairs import areas, making, visit
from dione.pairs import regions as region_files
from dione.pairs.areas import Area
from dione.pairs.build import VISITS, Built, build
from dione.pairs.larder import Larder
from dione.pairs.recipe import BuildRecipe
from dione.pairs.scenes import scenes
from dione.pairs.sentinel import Source, Span
from dione.pairs.visit import gather
from dione.patches import curate, store
from dione.prepare.reference import scenestatistics
from dione.prepare.reference.brightness import CloudRule, cloudy
from dione.prepare.reference.normalise import Normalisation
from dione.prepare.reference.pair import PairRule
from dione.sources import zarrstack
from dione.sources.delivered import deliveries, scenetable
from dione.sources.delivered.plainvhr import Told
from dione.testing import rasters
from dione.testing.world import World


def rows(path: Path) -> list[dict]:
    return store.read(path).index.to_pylist()


def build_plain(recipe: BuildRecipe, tmp_path: Path) -> store.Store:
    """The same patches with the reference's own reflectance."""
    rule = recipe.pairing.model_copy(update={"harmonise": "no"})
    build(recipe.model_copy(update={"pairing": rule}), tmp_path / "plain", areas=str(tmp_path / "plain-areas"), workers=1)
    return store.read(tmp_path / "plain")


def area_of(made: World) -> Area:
    """One in the middle."""
    found, _ = areas.read(made.folder / "areas" / "areas.parquet")
    return found[len(found) // 2]


def test_the_store_has_the_form_of_every_store(store_path: Path, built: Built):
    opened = store.read(store_path)
    assert opened.lr.shape[1:] == (8, 4, 8, 8) and opened.hr.shape[1:] == (4, 32, 32)
    assert opened.about["zoom"] == 4 and built.patches == opened.index.num_rows == opened.lr.shape[0] > 30
    assert set(opened.index.column_names) - {"country"} <= {*areas.OWN, *areas.PATCH} and {"kept", *curate.COLUMNS} <= set(areas.PATCH)
    assert {"site", "place", "sensor", "split", "dates", "clear", "shadow", "country", "shift_south_m", "local_east_m"} <= set(opened.index.column_names)


def test_planted_shifts_are_found_and_taken_off(store_path: Path, made: World):
    stack = made.delivered.series.stack
    days = [str(time)[:10] for time in stack["time"].values]
    planted = {f"{scene.time:%Y-%m-%dT%H:%M:%S}": np.array(scene.shift_m) for scene in made.delivered.scenes}
    for row in rows(store_path):
        # Sentinel-2's own date stands off too; what can be seen is the difference.
        wanted = planted[row["reference_date"]] - 10 * made.delivered.series.shifts[days.index(row["dates"][0][:10])]
        assert np.abs(np.array([row["shift_south_m"], row["shift_east_m"]]) - wanted).max() < 1
        assert np.hypot(row["left_south_m"], row["left_east_m"]) < 0.3


def test_reference_and_target_agree_when_the_one_is_averaged(store_path: Path):
    opened = store.read(store_path)
    lr, hr, seen = opened.lr[:, 0] / 1e4, opened.hr[:] / 1e4, opened.valid[:, 0].all((1, 2))
    down = hr.reshape(*hr.shape[:2], 8, 4, 8, 4).mean((3, 5))
    assert np.abs(down - lr)[seen].mean() < 0.01


def test_dates_lie_before_the_reference_and_saw_the_area(store_path: Path):
    for row in rows(store_path):
        assert row["dates"] == sorted(row["dates"], reverse=True)
        assert row["dates"][0][:10] <= row["reference_date"][:10]
        assert row["country"] == {"west": "Westland", "east": "Eastland"}[row["site"]]


def test_a_neighbours_cloud_makes_a_shadow_suspect(store_path: Path, made: World, built: Built):
    _, beside = areas.read(made.folder / "areas" / "areas.parquet")
    cloudy = {(v["area"], v["scene"]) for v in pq.read_table(made.folder / "areas" / VISITS).to_pylist() if (v["cloud"] or 0) > 0.05}
    found = {(row["place"], row["scene"]): row["shadow"] for row in rows(store_path)}
    assert {key: any((other, key[1]) in cloudy for other in beside[key[0]]) for key in found} == found
    assert set(found.values()) == {True, False}


def test_areas_that_are_there_are_not_made_again(made: World, built: Built, store_path: Path, tmp_path: Path, recipe_for):
    again = build(recipe_for(made), tmp_path / "again", areas=str(made.folder / "areas"), workers=1)
    assert built.fresh == built.areas and again.fresh == 0
    assert np.array_equal(store.read(tmp_path / "again").hr[:], store.read(store_path).hr[:])
    copy = Path(shutil.copytree(made.folder / "areas", tmp_path / "areas"))
    shutil.rmtree(next(copy.glob("32631-*")))
    assert build(recipe_for(made), tmp_path / "again", areas=str(copy), workers=1).fresh == 1


def test_a_kept_area_that_is_damaged_is_told_and_the_others_are_cut(made: World, built: Built, tmp_path: Path, recipe_for):
    copy = Path(shutil.copytree(made.folder / "areas", tmp_path / "areas"))
    damaged = next(path.parent for path in sorted(copy.glob("*/reference.zarr")))
    shutil.rmtree(damaged / "reference.zarr" / "reflectance" / "c")
    ended = build(recipe_for(made), tmp_path / "store", areas=str(copy), workers=1)
    assert [what for what, _ in ended.failed] == [damaged.name] and "has lost" in ended.failed[0][1]
    assert 0 < ended.patches < built.patches
    mended = build(recipe_for(made), tmp_path / "store", areas=str(copy), workers=1)
    assert (mended.fresh, mended.patches, mended.failed) == (1, built.patches, ())


def out_of_files(*_: object, **__: object) -> None:
    raise BadSource("it cannot be read") from OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_kept_areas_that_cannot_be_read_just_now_stay(made: World, built: Built, tmp_path: Path, recipe_for, monkeypatch):
    copy = Path(shutil.copytree(made.folder / "areas", tmp_path / "areas"))
    monkeypatch.setattr(zarrstack, "load", out_of_files)
    with pytest.raises(BadSource, match="cannot be read"):
        build(recipe_for(made), tmp_path / "store", areas=str(copy), workers=1)
    monkeypatch.undo()
    assert build(recipe_for(made), tmp_path / "store", areas=str(copy), workers=1).fresh == 0


def test_a_scene_that_could_not_be_read_for_want_of_open_files_is_tried_again(made: World, tmp_path: Path, recipe_for, few, monkeypatch):
    recipe, places = recipe_for(made, areas=few), {"areas": str(tmp_path / "areas"), "workers": 1}
    monkeypatch.setattr(visit, "pair", out_of_files)
    with pytest.raises(BadSource, match="none of"):
        build(recipe, tmp_path / "store", **places)
    monkeypatch.undo()
    assert build(recipe, tmp_path / "store", **places).failed == ()


def test_a_kept_area_whose_note_is_damaged_is_made_again(made: World, built: Built, tmp_path: Path, recipe_for):
    copy = Path(shutil.copytree(made.folder / "areas", tmp_path / "areas"))
    note = next(copy.glob("*/area.json"))
    whole = note.read_text()
    note.write_text(whole[: len(whole) // 2])
    ended = build(recipe_for(made), tmp_path / "store", areas=str(copy), workers=1)
    assert (ended.fresh, ended.patches, ended.failed) == (1, built.patches, ()) and note.read_text() == whole


def test_settings_and_inputs_decide_whether_an_area_is_made_again(made: World, recipe_for, tmp_path: Path):
    from dione.pairs.making import keys

    rows_ = scenetable.read(made.folder / "scenes.parquet")
    area = area_of(made)
    once = list(keys(recipe_for(made), rows_, [area]))
    assert once == list(keys(recipe_for(made, sampling={"patches": 3}), rows_, [area]))
    assert once != list(keys(recipe_for(made, pairing={"dates": 1}), rows_, [area]))
    copy = Path(shutil.copytree(made.sentinel2, tmp_path / "copy"))
    assert once != list(keys(recipe_for(made, sentinel2={"source": str(copy)}), rows_, [area]))
    assert once != list(keys(recipe_for(made), [{**row, "blue_gain": 1.0} for row in rows_], [area]))


def test_areas_that_another_dione_kept_are_made_again_and_so_are_those_whose_note_is_none(made: World, built: Built, recipe_for, tmp_path: Path, monkeypatch):
    copy = Path(shutil.copytree(made.folder / "areas", tmp_path / "areas"))
    row = scenetable.read(made.folder / "scenes.parquet")
    area = area_of(made)
    once = list(making.keys(recipe_for(made), row, [area]))
    monkeypatch.setattr(making, "version", lambda _: "another")
    assert once != list(making.keys(recipe_for(made), row, [area]))
    for note in ({}, [], {"key": 1, "visits": [], "pairs": [], "land": []}):
        (copy / area.name / "area.json").write_text(json.dumps(note))
        assert Larder(str(copy)).kept(area) is None


def test_areas_that_workers_write_where_this_machine_does_not_look_are_told(made: World, built: Built, recipe_for, tmp_path: Path, monkeypatch):
    task = making.Task(area_of(made), recipe_for(made), Larder(str(tmp_path / "areas")), key="", run="")
    monkeypatch.setattr(making, "each", lambda _make, tasks, **_how: ["" for _ in tasks])
    assert making.make_missing([task], 1, True, lambda *_: None) == ({}, {task.area.name: making.UNSEEN}, 1)

    def blind(client: None, place: Path) -> None:
        raise DioneError(f"no worker sees {place.name}")

    monkeypatch.setattr(scheduler, "connected", lambda _address: nullcontext())
    monkeypatch.setattr(scheduler, "seen_by_all", blind)
    with pytest.raises(DioneError, match="no worker sees areas"):
        making.make_missing([task], 1, True, lambda *_: None, "tcp://127.0.0.1:1")


def test_two_builds_do_not_share_the_areas_that_one_of_them_is_making(made: World, recipe_for, tmp_path: Path):
    (tmp_path / "areas").mkdir()
    with files.alone(tmp_path / "areas"), pytest.raises(CannotWrite, match="another run is writing"):
        build(recipe_for(made), tmp_path / "store", areas=str(tmp_path / "areas"), workers=1)
    assert not list((tmp_path / "areas").iterdir())


def test_what_the_rule_calls_cloud_has_no_say_in_the_sharpening(made: World, recipe_for):
    listed = scenetable.read(recipe_for(made).vhr.scenes)
    by_rule = [scenes(listed, recipe_for(made).vhr.model_copy(update={"blue_above": above}))[0] for above in (1e6, 40.0)]
    share = float(cloudy(by_rule[1].colours, CloudRule(40.0)).values.mean())
    one, other = (scene.sharp["reflectance"][0, :, :40, :40].values for scene in by_rule)
    assert 0.05 < share < 0.95 and np.abs(one - other).max() > 1e-5


def test_a_reference_on_its_own_scenes_scale_stands_in_sentinel2s_numbers(made: World, tmp_path: Path, recipe_for, few):
    rule = {"harmonise": "scene", "scene_median": [0.1, 0.2, 0.3, 0.4], "scene_deviation": [0.01, 0.02, 0.03, 0.04]}
    table = tmp_path / "scenes.parquet"
    listed = [row for row in scenetable.read(recipe_for(made).vhr.scenes) if row["kind"] == "ms"][-1:]
    scenetable.write(table, listed)
    recipe = recipe_for(made, vhr={"scenes": table, "sharpen": "no"}, pairing=rule, areas=few)
    with pytest.raises(BadSource, match="dione vhr statistics"):
        build(recipe, tmp_path / "store", areas=str(tmp_path / "areas"), workers=1)
    counted = scenestatistics.add(listed, scenestatistics.Opener(scenetable.numbers, scenetable.stack), sharpen=None).rows
    scenetable.write(table, counted)
    build(recipe, tmp_path / "store", areas=str(tmp_path / "areas"), workers=1)
    opened = store.read(tmp_path / "store")
    row, by_scene = opened.index.to_pylist()[0], {one["scene"]: one for one in counted}
    plain = build_plain(recipe, tmp_path)
    scale, product = Normalisation.of_row(by_scene[row["scene"]]), scenetable.product_of(by_scene[row["scene"]])
    radiance = plain.hr[0] / 1e4 * product.white[:, None, None]
    wanted = [
        (band - m) / d * s + c for band, m, d, c, s in zip(radiance, scale.median, scale.deviation, rule["scene_median"], rule["scene_deviation"], strict=True)
    ]
    assert np.abs(opened.hr[0] / 1e4 - np.array(wanted)).max() < 2e-3 and opened.about["numbers"] == "float32"
    with pytest.raises(ValueError, match=r"needs scene_median and scene_deviation.*dataset scaling"):
        PairRule(harmonise="scene")


def test_two_processes_make_the_same_store(made: World, built: Built, tmp_path: Path, recipe_for, few):
    recipe = recipe_for(made, areas=few)
    build(recipe, tmp_path / "one", areas=str(made.folder / "areas"), workers=1)
    build(recipe, tmp_path / "two", areas=str(tmp_path / "areas"), workers=2)
    one, two = store.read(tmp_path / "one"), store.read(tmp_path / "two")
    assert one.index.equals(two.index) and all(np.array_equal(getattr(one, name)[:], getattr(two, name)[:]) for name in ("lr", "valid", "hr"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning")
def test_a_cluster_makes_the_same_store_though_a_worker_is_lost_and_names_are_relative(made: World, tmp_path: Path, recipe_for, few, monkeypatch):
    from distributed import Client, LocalCluster

    table = tmp_path / "scenes.parquet"
    scenetable.write(table, [row for row in scenetable.read(recipe_for(made).vhr.scenes) if row["kind"] == "ms"][-1:])
    recipe = recipe_for(made, vhr={"scenes": table, "sharpen": "no"}, areas=few)
    build(recipe, tmp_path / "one", areas=str(tmp_path / "areas-one"), workers=1)
    killed: list[int] = []

    def killing(what: str, done: int, total: int) -> None:
        if what == "areas" and not killed:
            with Client(cluster.scheduler_address) as client:
                killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1") as cluster:
        monkeypatch.chdir(made.folder)  # the workers stay where they were started
        vhr, series = {"scenes": os.path.relpath(table), "sharpen": "no"}, {"source": os.path.relpath(made.sentinel2)}
        recipe = recipe_for(made, sentinel2=series, vhr=vhr, areas=few)
        ended = build(recipe, tmp_path / "many", areas=str(tmp_path / "areas-many"), scheduler=cluster.scheduler_address, progress=killing)
        assert killed and ended.fresh == ended.areas and not ended.failed
        again = build(recipe, tmp_path / "many", areas=str(tmp_path / "areas-many"), scheduler=cluster.scheduler_address)
        assert again.fresh == 0
    one, many = store.read(tmp_path / "one"), store.read(tmp_path / "many")
    assert all(np.array_equal(getattr(one, name)[:], getattr(many, name)[:]) for name in ("lr", "valid", "hr")) and one.index.equals(many.index)


def test_bad_scenes_are_told_and_stop_no_others(made: World, tmp_path: Path, recipe_for):
    for name in ("sentinel2", "delivery"):
        shutil.copytree(made.folder / name, tmp_path / name)
    shutil.copy(made.regions, tmp_path)
    recipe = recipe_for(World(tmp_path, made.delivered))
    table = scenetable.read(recipe.vhr.scenes)
    scenetable.write(recipe.vhr.scenes, [*table, *({**row, "scene": "twin"} for row in table if "M000" in row["scene"])])
    cloudy = next((tmp_path / "delivery").rglob("DE2_MS4*M001.tif"))
    with rasterio.open(cloudy, "r+") as file:
        file.write(np.full((4, *file.shape), 1500, np.uint16))
    torn = next((tmp_path / "delivery").rglob("DE2_MS4*M002.tif"))
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 3])

    ended = build(recipe, tmp_path / "store", areas=str(tmp_path / "areas"), workers=1)
    why = {key: [text for what, text in ended.failed if key in what] for key in ("twin", "M001", "M002", "M000")}
    assert why["twin"] and all("same time" in text for text in why["twin"])
    assert len(why["M001"]) == 1 and "all cloud" in why["M001"][0]
    assert why["M002"] and all("cannot be read" in text for text in why["M002"])
    assert not why["M000"] and ended.patches > 0
    with pytest.raises(BadSource, match=r"M002(?s:.*)cannot be read"):
        ended.raise_failed(tmp_path / "store")


@dataclass
class Sunk(Source):
    """An archive that says of one date that its offset is still to be applied, though it was."""

    day: str = ""

    def over(self, area: Area, spans: list[Span]) -> xr.Dataset:
        stack = super().over(area, spans)
        twice = (stack["reflectance"] - np.float32(0.1)).where(stack["time"].astype("datetime64[D]") == np.datetime64(self.day), stack["reflectance"])
        return stack.assign(reflectance=twice.astype("float32")).assign_attrs(offset_told_by="metadata")


def test_no_reference_is_paired_with_a_date_whose_offset_was_applied_twice(made: World, recipe_for):
    recipe = recipe_for(made, areas={"regions": made.regions, "size_m": 240, "buffer": 0.5})
    area = areas.areas(region_files.read(str(made.regions)), **recipe.areas.model_dump(exclude={"regions"}))[4]
    there = scenes(scenetable.read(recipe.vhr.scenes), recipe.vhr)
    sound = gather(area, there, Source(recipe.sentinel2), recipe)
    used = {pair["scene"]: [str(sound.coarse["time"].values[at])[:10] for at in pair["dates"]] for pair in sound.pairs}
    day = max(set(chain(*used.values())) - set.intersection(*map(set, used.values())))
    found = {visit.scene: visit for visit in gather(area, there, Sunk(recipe.sentinel2, day=day), recipe).visits}
    assert len(used) == 2
    assert {scene for scene, visit in found.items() if visit.outcome == "failed"} == {scene for scene, days in used.items() if day in days}
    assert all("applied twice" in visit.why and day in visit.why for visit in found.values() if visit.outcome == "failed")


def test_a_scene_that_is_one_glare_fails_by_name_and_an_area_without_sentinel2_and_a_region_without_a_scene_too(made: World, tmp_path: Path, recipe_for, run):
    from dione.recipe import text

    glaring = Path(shutil.copytree(made.folder / "delivery", tmp_path / "delivery"))
    with rasterio.open(next(glaring.rglob("DE2_MS4*M000.tif")), "r+") as file:
        file.write(np.full((4, *file.shape), 4095, np.uint16))
    scenetable.write(tmp_path / "scenes.parquet", map(scenetable.row, deliveries.scan(glaring).products))
    shutil.copytree(made.sentinel2, tmp_path / "series" / "west")
    regions = json.loads(made.regions.read_text())
    far = json.loads(json.dumps(regions["features"][0]))
    far["properties"]["name"], far["geometry"]["coordinates"] = "far", [[[x + 1, y] for x, y in far["geometry"]["coordinates"][0]]]
    regions["features"].append(far)
    (tmp_path / "regions.geojson").write_text(json.dumps(regions))
    areas_ = {"regions": tmp_path / "regions.geojson", "size_m": 160, "buffer": 0.5}
    recipe = recipe_for(made, sentinel2={"source": f"{tmp_path}/series/{{site}}"}, vhr={"scenes": tmp_path / "scenes.parquet"}, areas=areas_)
    (tmp_path / "build.toml").write_text(text(recipe))
    code, out, err = run("dataset", "build", tmp_path / "build.toml", "-o", tmp_path / "store", "--workers", 1)
    assert code == 1 and "left out" in out and "areas are shown by no scene" in out
    assert "M000" in err and "the whole scene cannot be sharpened" in err
    assert "region far" in err and "no scene of the table shows any" in err and "nothing found at" in err
    rows_ = pq.read_table(tmp_path / "store-areas" / VISITS).to_pylist()
    assert {row["outcome"] for row in rows_ if not row["scene"]} == {"failed"} and any(row["outcome"] == "paired" for row in rows_)


def test_a_region_that_is_none_stops_no_other_and_the_command_ends_with_1(made: World, built: Built, tmp_path: Path, recipe_for, run):
    from dione.recipe import text

    regions = json.loads(made.regions.read_text())
    bow = [[1.20, 43.62], [1.21, 43.63], [1.21, 43.62], [1.20, 43.6285], [1.20, 43.62]]
    shapes = {
        "line": ("LineString", bow[:2]),
        "bow": ("Polygon", [bow]),
        "metres": ("Polygon", [[[355000, 4830000], [356000, 4830000], [356000, 4831000]] * 2]),
    }
    regions["features"] += [
        {"type": "Feature", "properties": {"name": name}, "geometry": {"type": kind, "coordinates": at}} for name, (kind, at) in shapes.items()
    ]
    regions["features"].append({"type": "Feature", "properties": None, "geometry": None})
    (tmp_path / "mixed.geojson").write_text(json.dumps(regions))
    recipe = recipe_for(made)
    changed = recipe.model_copy(update={"areas": recipe.areas.model_copy(update={"regions": str(tmp_path / "mixed.geojson")})})
    (tmp_path / "build.toml").write_text(text(changed))
    code, out, err = run("dataset", "build", tmp_path / "build.toml", "-o", tmp_path / "store", "--areas", made.folder / "areas", "--workers", 1)
    assert code == 1 and f"{built.patches} patches" in out and "4 failed" in out
    told = " ".join(err.split())
    assert all(words in told for words in ("region line is a LineString", "region bow crosses itself", "region metres is a Polygon", "region 5 has no shape"))


def test_a_scene_that_is_hardly_sharper_than_sentinel2_is_left_out_and_the_reason_told(made: World, tmp_path: Path, recipe_for, few):
    grid = stacks.grid_of(made.delivered.series.stack)
    for pixel_m, names in ((20, ("2024-05-20", "2024-05-21")), (6, ("2024-05-22",))):
        rows_, columns = (side * 10 // pixel_m for side in grid.shape)
        wide = GeoBox((rows_, columns), grid.affine * Affine.scale(pixel_m / 10), grid.crs)
        for name in names:
            rasters.write(tmp_path / "delivery" / f"{name}.tif", np.full((4, rows_, columns), 800, np.uint16), wide)
    table = tmp_path / "scenes.parquet"
    scenetable.write(table, map(scenetable.row, deliveries.scan(tmp_path / "delivery", told=Told("planetscope-sr")).products))
    recipe = recipe_for(made, vhr={"scenes": table, "clouds": "no"}, pairing={"harmonise": "no", "registration": "no"}, areas=few)
    with pytest.raises(BadSource, match=r"pixels of 20 m, needs at most 5 m(?s:.*)pixels of 6 m, needs at most 5 m"):
        build(recipe, tmp_path / "store", areas=str(tmp_path / "areas"), workers=1)


def test_areas_without_a_sentinel2_date_are_told_and_no_store_is_left(made: World, tmp_path: Path, recipe_for):
    old = Path(shutil.copytree(made.sentinel2, tmp_path / "old"))
    for path in old.glob("*.tif"):
        path.rename(path.with_name(path.name.replace("2024", "2019")))
    with pytest.raises(BadSource, match="no Sentinel-2 date in"):
        build(recipe_for(made, sentinel2={"source": str(old)}), tmp_path / "store", areas=str(tmp_path / "areas"), workers=1)
    assert not (tmp_path / "store").exists() and not (tmp_path / "store.partial").exists()


def test_a_table_that_was_mended_is_read_anew_in_the_same_process(made: World, tmp_path: Path, recipe_for, few):
    table = tmp_path / "scenes.parquet"
    rows_ = scenetable.read(made.folder / "scenes.parquet")
    recipe = recipe_for(made, vhr={"scenes": table}, areas=few)
    counts = []
    for kept in (rows_[:2], rows_):
        scenetable.write(table, kept)
        counts.append(build(recipe, tmp_path / "store", areas=str(tmp_path / "areas"), workers=1).pairs)
    assert 0 < counts[0] < counts[1]


def test_nothing_to_build_from_is_told(made: World, tmp_path: Path, recipe_for):
    with pytest.raises(NotFound, match="dione vhr scan"):
        build(recipe_for(made, vhr={"scenes": tmp_path / "absent.parquet"}), tmp_path / "store", areas=str(tmp_path / "areas"))
    with pytest.raises(BadSource, match=r"no place where a patch fits"):
        build(recipe_for(made, sampling={"size_px": 64}), tmp_path / "store", areas=str(made.folder / "areas"), workers=1)


def test_the_verb_builds_and_says_what_was_made(run, made: World, built: Built, tmp_path: Path, recipe_for):
    from dione.recipe import text

    recipe = tmp_path / "build.toml"
    recipe.write_text(text(recipe_for(made)))
    code, out, _ = run("dataset", "build", recipe, "-o", tmp_path / "store", "--areas", made.folder / "areas", "--workers", 1, "--json")
    assert code == 0 and json.loads(out)["patches"] == built.patches
    code, _, err = run("dataset", "build", recipe, "-o", tmp_path / "store", "--set", "pairing.sides=before")
    assert code == 1 and "pairing.sides" in err
