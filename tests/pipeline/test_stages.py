"""When a stage is run, and what a failure stops."""

import json
import os
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from safetensors.numpy import save_file

from dione import testing
from dione.base.errors import BadSource, CannotWrite, DioneError
from dione.base.storage import parquet
from dione.base.storage.files import write_text
from dione.pairs.build import AGAIN
from dione.pipeline import damage, stages
from dione.pipeline import run as pipeline
from dione.pipeline.recipe import PipelineRecipe, Prediction
from dione.pipeline.run import Stage, stages_of
from dione.pipeline.stages import Context, Outcome
from dione.recipe import read

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def recipe(tmp_path: Path) -> PipelineRecipe:
    values = {"name": "x", "out": str(tmp_path / "out"), "vhr": {"deliveries": "d"}, "build": {"sentinel2": {"source": "s"}}, "train": {}}
    return PipelineRecipe.model_validate(values)


@pytest.fixture
def world(tmp_path: Path, recipe: PipelineRecipe, monkeypatch: pytest.MonkeyPatch):
    """Four stages, one → two → three and one → four, that note when they run; settings and failures can be changed."""

    class World:
        def __init__(self) -> None:
            self.ran: list[str] = []
            self.settings = dict.fromkeys(("one", "two", "three", "four"), 0)
            self.broken: set[str] = set()
            self.killed: set[str] = set()
            self.partly: set[str] = set()
            self.fresh: dict[str, bool] = {}
            self.files = {name: name for name in self.settings}

        def does(self, name: str):
            def work(context):
                self.ran.append(name)
                self.fresh[name] = context.fresh
                if name in self.killed:
                    raise KeyboardInterrupt
                context.cleared()
                if name in self.broken:
                    raise BadSource(f"{name} broke\nmend it")
                (tmp_path / self.files[name]).write_text(str(self.settings[name]))
                return Outcome("done", [("a part", "why")] if name in self.partly else [])

            return work

        def stages(self, _) -> tuple[Stage, ...]:
            needs = {"one": (), "two": ("one",), "three": ("two",), "four": ("one",)}
            return tuple(
                Stage(name, self.does(name), before, self.settings[name], (str(tmp_path / "input"),) if name == "one" else (), (tmp_path / self.files[name],))
                for name, before in needs.items()
            )

        def run(self, **how: bool) -> dict[str, str]:
            self.ran.clear()
            self.last = pipeline.run(recipe, **how)
            return {one.name: one.how for one in self.last.ended}

    (tmp_path / "input").write_text("a")
    made = World()
    monkeypatch.setattr(pipeline, "stages_of", made.stages)
    return made


def test_what_is_up_to_date_is_left_alone(world):
    assert set(world.run().values()) == {"made"}
    assert set(world.run().values()) == {"up to date"} and not world.ran


def test_a_changed_setting_makes_its_stage_and_what_follows(world):
    world.run()
    world.settings["two"] = 1
    assert world.run() == {"one": "up to date", "two": "made", "three": "made", "four": "up to date"}


def test_a_changed_input_makes_all_that_follows_from_it_though_its_name_is_the_same(world, tmp_path: Path):
    world.run()
    (tmp_path / "input").write_text("b")
    assert set(world.run().values()) == {"made"}


def test_weights_that_are_started_from_or_compared_with_are_inputs_of_their_stages(recipe: PipelineRecipe):
    start = {"start": "a.safetensors", "train": {"loss": {"registration": {"start": "shift.safetensors"}}}}
    told = {"train": start, "evaluate": {"against": ["bicubic", "setsr-s@8", "b@4.safetensors@4"]}}
    made = PipelineRecipe.model_validate(recipe.model_dump(include={"name", "out", "vhr", "build"}) | told)
    inputs = {stage.name: stage.inputs for stage in stages_of(made)}
    assert inputs["train"] == ("a.safetensors", "shift.safetensors") and inputs["evaluate"] == ("b@4.safetensors",)


def test_an_output_that_was_removed_is_made_again_and_so_is_what_was_made_of_it(world, tmp_path: Path):
    world.run()
    (tmp_path / "two").unlink()
    assert world.run() == {"one": "up to date", "two": "made", "three": "made", "four": "up to date"}


def test_a_file_that_was_cut_short_is_made_again_and_so_is_what_wrote_into_it_and_no_more(world, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    world.files |= {"one": "one.json", "two": "two.json", "three": "two.json"}
    world.run()
    (tmp_path / "one.json").write_text("")
    assert world.run() == {"one": "made", "two": "up to date", "three": "up to date", "four": "up to date"} and not world.fresh["one"]
    assert "one.json was cut short since it was made" in caplog.text
    (tmp_path / "two.json").write_text("")
    assert world.run() == {"one": "up to date", "two": "made", "three": "made", "four": "up to date"}
    assert set(world.run().values()) == {"up to date"}


def test_what_is_looked_at_tells_that_it_was_cut_short(tmp_path: Path):
    parquet.write(tmp_path / "a.parquet", pa.table({"x": list(range(999))}))
    (tmp_path / "b.json").write_text(json.dumps(list(range(999))))
    save_file({"x": np.zeros(999)}, tmp_path / "c.safetensors")
    testing.rasters.write(tmp_path / "d.tif", np.random.default_rng(0).integers(0, 9999, (99, 99)).astype(np.uint16), testing.grid_at((99, 99)))
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "part").write_bytes(bytes(999))
    every = sorted(tmp_path.iterdir())
    assert not damage.found([*every, tmp_path / "missing.json", tmp_path / "f.html"], 999)
    for path in [*every[:4], tmp_path / "e" / "part"]:
        os.truncate(path, path.stat().st_size // 2)
    assert damage.found(every, 999) == set(every)


def test_a_result_or_a_part_of_the_store_that_was_removed_is_missed(recipe: PipelineRecipe):
    recipe = recipe.model_copy(update={"predict": (Prediction(name="field", source="s", eopatch="HRN"),)})
    folder = recipe.out / "predictions" / "field"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text('{"targets": [{"files": ["2024-05-01_sr.tif"]}]}')
    leaves = {stage.name: {str(path.relative_to(recipe.out)) for path in stage.outputs} for stage in stages_of(recipe)}
    assert leaves["predict"] == {f"predictions/field/{name}" for name in ("run.json", "2024-05-01_sr.tif", "eopatch")}
    assert all(leaves[name] >= {"patches/index.parquet", "patches/about.json", "patches/pixels.zarr"} for name in ("build", "curate", "split"))
    assert leaves["evaluate"] == {"scores/scores.json", "scores/report.html"}


def test_a_failure_stops_what_needs_it_and_nothing_else_and_is_tried_again(world):
    world.broken = {"two"}
    assert world.run() == {"one": "made", "two": "failed", "three": "not run", "four": "made"}
    with pytest.raises(DioneError, match=r"1 parts of the pipeline failed(?s:.*)two broke\n\s+mend it"):
        world.last.raise_failed()
    world.broken = set()
    assert world.run() == {"one": "up to date", "two": "made", "three": "made", "four": "up to date"}


def test_what_failed_in_part_goes_on_and_is_told_every_time(world):
    world.partly = {"one"}
    assert set(world.run().values()) == {"made"} and world.last.failed == [("one: a part", "why")]
    assert set(world.run().values()) == {"up to date"} and world.last.failed == [("one: a part", "why")]
    with pytest.raises(DioneError, match="--retry"):
        world.last.raise_failed()


def test_what_a_stage_failed_of_is_told_though_the_disk_is_too_full_to_note_it(world, monkeypatch: pytest.MonkeyPatch):
    def full(path: Path, text: str) -> Path:
        if '"words"' in text:
            raise CannotWrite(f"cannot write {path}: No space left on device")
        return write_text(path, text)

    world.partly = {"one"}
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "write_text", full)
        assert world.run() == {"one": "made"} and world.last.failed == [("one: a part", "why")]
        world.partly = set()
        with pytest.raises(CannotWrite, match=r"pipeline\.json"):
            world.run()
    assert set(world.run().values()) == {"made"} and not world.last.failed


def test_what_failed_in_part_is_tried_again_when_that_is_asked_for(world):
    world.partly = {"two"}
    world.run()
    world.partly = set()
    assert world.run(retry=True) == {"one": "up to date", "two": "made", "three": "made", "four": "up to date"} and not world.last.failed
    assert not world.fresh["two"]


def test_what_was_tried_again_in_vain_makes_nothing_anew_but_what_it_wrote_over(world):
    world.partly, world.files["two"] = {"one"}, "one"
    world.run()
    for broken, two, three in ((set(), "made", "up to date"), ({"two"}, "failed", "not run")):
        world.broken = broken
        assert world.run(retry=True) == {"one": "made", "two": two, "three": three, "four": "up to date"}
    world.broken = set()
    assert world.run() == {"one": "up to date", "two": "made", "three": "up to date", "four": "up to date"}
    assert not world.fresh["two"] and world.last.failed == [("one: a part", "why")]
    world.partly = set()
    assert set(world.run(retry=True).values()) == {"made"}


def test_half_done_work_is_gone_on_with_only_for_the_same_settings(world):
    world.broken = {"three"}
    world.run()
    assert world.fresh["three"]
    world.run()
    assert not world.fresh["three"]
    world.settings["three"] = 1
    world.run()
    assert world.fresh["three"]


def test_what_is_half_done_for_other_settings_is_not_gone_on_with_where_a_run_was_stopped_before_it_was_gone(world):
    world.run()
    world.settings["three"], world.killed = 1, {"three"}
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.killed, world.broken = set(), {"three"}
    world.run()
    assert world.fresh["three"]
    world.run()
    assert not world.fresh["three"]


@pytest.mark.parametrize("name", ["deimos", "made-up"])
def test_the_recipes_of_the_house_can_be_read_and_hand_paths_on(name: str):
    made = read(RECIPES / f"{name}.toml", PipelineRecipe)
    assert Path(made.build.vhr.scenes) == made.out / "scenes.parquet" and Path(made.train.store) == made.out / "patches" and made.train.name == name


def test_the_recipe_that_explains_every_setting_of_build_says_what_they_are():
    from dione.pairs.recipe import BuildRecipe

    made = read(RECIPES / "build.toml", BuildRecipe)
    least = BuildRecipe.model_validate(
        {"sentinel2": {"source": made.sentinel2.source}, "vhr": {"scenes": made.vhr.scenes}, "areas": {"regions": made.areas.regions}}
    )
    assert made == least
    explained = (RECIPES / "build.toml").read_text()
    tables = [BuildRecipe, *(type(getattr(made, name)) for name in ("vhr", "areas", "pairing", "sampling"))]
    assert not [name for table in tables for name in table.model_fields if name not in explained]


def test_kept_areas_that_turn_out_damaged_are_made_anew_at_once(recipe: PipelineRecipe, monkeypatch: pytest.MonkeyPatch):
    ends = [(("an area", f"damaged\n{AGAIN}"),), (("another", "no date"),)]
    monkeypatch.setattr(stages, "build", lambda *_, **__: SimpleNamespace(patches=1, pairs=1, areas=1, failed=ends.pop(0)))
    assert stages.pairs(Context(recipe, 1, False, lambda *_: None)).failed == [("another", "no date")] and not ends


def test_a_series_to_predict_is_opened_as_the_recipe_says(recipe: PipelineRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from dione.pipeline import stages
    from dione.testing import landscape, series, write_geotiffs

    write_geotiffs(series(landscape((24, 28)), days=3).stack, tmp_path / "series")
    for path in (tmp_path / "series").glob("*.tif"):
        path.rename(path.with_name(f"scene_{path.stem}_v1.tif"))
    told = {"name": "x", "source": str(tmp_path / "series"), "pattern": "scene_%Y-%m-%d*.tif", "scale": 5e-5, "dates": "2024-05-05/2024-05-20", "target": "all"}
    changed = PipelineRecipe.model_validate(recipe.model_dump() | {"predict": [told]})
    monkeypatch.setattr(stages, "weights", lambda _: "bicubic")
    made = stages.predicted(stages.Context(changed, None, True, lambda *_: None))
    assert not made.failed and made.words == "x: 2 dates"


def test_results_of_dates_that_are_no_targets_any_more_are_gone_and_no_other_file(recipe: PipelineRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from dione.pipeline import stages
    from dione.testing import landscape, series, write_geotiffs

    write_geotiffs(series(landscape((24, 28)), days=2).stack, tmp_path / "series")
    monkeypatch.setattr(stages, "weights", lambda _: "bicubic")
    out = recipe.out / "predictions" / "x"
    for target in ("all", "latest"):
        told = {"name": "x", "source": str(tmp_path / "series"), "target": target}
        changed = PipelineRecipe.model_validate(recipe.model_dump() | {"predict": [told]})
        assert not stages.predicted(stages.Context(changed, None, True, lambda *_: None)).failed
        (out / "2024-05-01_NDVI.tif").touch()
    assert sorted(path.name for path in out.glob("2024-05-01*")) == ["2024-05-01_NDVI.tif"] and (out / "2024-05-06_sr.tif").exists()


def test_what_another_form_of_the_results_has_too_stays_and_an_eopatch_that_is_no_longer_asked_for_is_gone(
    recipe: PipelineRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from dione.pipeline import stages
    from dione.testing import landscape, series, write_geotiffs

    write_geotiffs(series(landscape((24, 28)), days=1).stack, tmp_path / "series")
    monkeypatch.setattr(stages, "weights", lambda _: "bicubic")
    out, styles = recipe.out / "predictions" / "x", {f"2024-05-01_{kind}.qml" for kind in ("sr", "input", "sigma", "support")}
    for how in ({"eopatch": "A"}, {"tiles": 512}, {}):
        changed = PipelineRecipe.model_validate(recipe.model_dump() | {"predict": [{"name": "x", "source": str(tmp_path / "series"), **how}]})
        assert not stages.predicted(stages.Context(changed, None, True, lambda *_: None)).failed
        assert {path.name for path in out.glob("*.qml")} == styles
        assert (out / "eopatch").exists() == ("eopatch" in how) and (out / "2024-05-01_sr.vrt").exists() == ("tiles" in how)


def test_results_of_a_series_that_the_recipe_does_not_name_any_more_are_told(world, recipe: PipelineRecipe, caplog: pytest.LogCaptureFixture):
    for name in ("farm", "moor"):
        (recipe.out / "predictions" / name).mkdir(parents=True)
        (recipe.out / "predictions" / name / "run.json").touch()
    (recipe.out / "predictions" / "notes of my own").mkdir()
    pipeline.run(PipelineRecipe.model_validate(recipe.model_dump() | {"predict": [{"name": "moor", "source": "s"}]}))
    assert "predictions holds farm, which" in caplog.text and "moor" not in caplog.text and "notes" not in caplog.text


def test_every_fault_of_a_recipe_is_told_with_its_path(tmp_path: Path):
    from dione.base.errors import BadRecipe

    path = tmp_path / "bad.toml"
    path.write_text('name = "x"\nout = "y"\n[vhr]\n[build.sentinel2]\nsource = "s"\n[build.pairing]\nside = "left"\n[train.train]\nsteps = 0\n')
    with pytest.raises(BadRecipe) as told:
        read(path, PipelineRecipe)
    assert all(where in str(told.value) for where in ("vhr.deliveries", "build.pairing.side", "train.train.steps"))


def test_a_network_that_the_last_stages_could_not_make_is_told_before_the_first_is_begun(recipe: PipelineRecipe):
    values = recipe.model_dump(include={"name", "out", "vhr", "build"}) | {"scaling": {"into_net": True}}
    with pytest.raises(ValueError, match=r"scaling\.into_net: a setsr has no centre and spread"):
        PipelineRecipe.model_validate(values | {"train": {}})
    with pytest.raises(ValueError, match=r"train\.net\.config\.channelz"):
        PipelineRecipe.model_validate(values | {"train": {"net": {"kind": "highresnet", "config": {"channelz": 8}}}})
    PipelineRecipe.model_validate(values | {"train": {"net": {"kind": "highresnet"}}})


def test_two_series_of_one_name_are_refused_since_their_results_would_go_into_one_folder(recipe: PipelineRecipe):
    values = recipe.model_dump(include={"name", "out", "vhr", "build"}) | {"train": {}}
    with pytest.raises(ValueError, match="farm is the name of several series"):
        PipelineRecipe.model_validate(values | {"predict": [{"name": "farm", "source": "a"}, {"name": "farm", "source": "b"}]})
    PipelineRecipe.model_validate(values | {"predict": [{"name": "farm", "source": "a"}, {"name": "moor", "source": "a"}]})


def test_the_verb_prints_a_line_a_stage_and_ends_with_1_when_something_failed(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "delivery").mkdir()
    code, told, err = run("run", RECIPES / "made-up.toml")
    assert code == 1 and "scan        failed" in told and "train       not run" in told and "no VHR scene in delivery" in err


@pytest.fixture
def at(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """`at("home", second=1)`: the pipeline one → two with its output in a bucket, run on a machine of that name; how each stage ended, and its folder here."""

    def stage(name: str, needs: tuple[str, ...], out: Path, setting: int) -> Stage:
        def work(context):
            before = "".join((context.recipe.out / one / "made.txt").read_text() for one in needs)
            (context.recipe.out / name).mkdir(exist_ok=True)
            for old in (context.recipe.out / name).iterdir():
                old.unlink()
            for file in ("made.txt", f"{setting}.txt"):
                (context.recipe.out / name / file).write_text(f"{before}{name}{setting}")
            return Outcome("done")

        return Stage(name, work, needs, setting, (), (out / name,))

    def run(machine: str, **settings: int) -> tuple[list[str], Path]:
        monkeypatch.setenv("DIONE_CACHE", str(tmp_path / machine))
        values = {"name": "x", "out": f"{bucket}/{tmp_path.name}", "vhr": {"deliveries": "d"}, "build": {"sentinel2": {"source": "s"}}, "train": {}}
        recipe = PipelineRecipe.model_validate(values)
        monkeypatch.setattr(
            pipeline, "stages_of", lambda told: (stage("one", (), told.out, settings.get("one", 0)), stage("two", ("one",), told.out, settings.get("two", 0)))
        )
        return [one.how for one in pipeline.run(recipe).ended], recipe.out

    return run


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_pipeline_at_an_object_store_goes_on_on_whatever_machine(at, bucket: str, tmp_path: Path):
    import s3fs

    def there() -> list[str]:
        fs = s3fs.S3FileSystem()
        fs.invalidate_cache()
        return sorted(name.partition(f"{tmp_path.name}/")[2] for name in fs.find(f"bucket/{tmp_path.name}"))

    assert at("home")[0] == ["made", "made"] and at("home")[0] == ["up to date", "up to date"]
    assert there() == ["one/0.txt", "one/made.txt", "pipeline.json", "two/0.txt", "two/made.txt"]
    how, away = at("away")
    assert how == ["up to date", "up to date"] and not list(away.glob("t*"))  # nothing was carried
    how, away = at("away", two=1)
    assert how == ["up to date", "made"] and (away / "two" / "made.txt").read_text() == "one0two1"
    assert there() == ["one/0.txt", "one/made.txt", "pipeline.json", "two/1.txt", "two/made.txt"]
    how, home = at("home", two=1)
    assert how == ["up to date", "up to date"] and not (home / "two").exists()  # what was here is of another run now
    how, home = at("home", one=2, two=1)
    assert how == ["made", "made"] and (home / "two" / "made.txt").read_text() == "one2two1"


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch):
    """`with cut(after=1):` the connection to a store is lost after so many files."""
    import s3fs

    @contextmanager
    def losing(after: int):
        fs, sent = s3fs.S3FileSystem(), []  # the one that all have
        real = fs.put_file

        def put_file(*given):
            if len(sent) == after:
                raise ConnectionError("lost")
            sent.append(given)
            return real(*given)

        with monkeypatch.context() as patched:
            patched.setattr(fs, "put_file", put_file)
            with pytest.raises(CannotWrite, match="run the same command again"):
                yield

    return losing


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_was_made_anew_and_could_not_be_sent_is_not_made_again(at, cut):
    at("home")
    with cut(after=2):
        at("home", two=1)
    assert at("home", two=1)[0] == ["up to date", "up to date"]
    assert at("away", two=1)[0] == ["up to date", "up to date"]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_files_of_which_only_some_were_sent_are_not_taken_for_those_that_were_there_before(at, cut):
    at("home")
    with cut(after=3):
        at("home", two=1)
    how, away = at("away")
    assert how == ["up to date", "made"] and (away / "two" / "made.txt").read_text() == "one0two0"


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_bucket_that_is_not_there_is_told_before_anything_is_made(bucket: str, recipe: PipelineRecipe):
    with pytest.raises(CannotWrite, match="no-such-bucket"):
        pipeline.run(PipelineRecipe.model_validate(recipe.model_dump() | {"out": "s3://no-such-bucket/run"}))


def test_settings_are_the_same_wherever_the_workshop_of_an_object_store_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    values = {"name": "x", "out": "s3://bucket/run", "vhr": {"deliveries": "d"}, "build": {"sentinel2": {"source": "s"}}, "train": {}}
    told = []
    for machine in ("home", "away"):
        monkeypatch.setenv("DIONE_CACHE", str(tmp_path / machine))
        told.append([stage.settings for stage in stages_of(PipelineRecipe.model_validate(values))])
    assert told[0] == told[1] and str(tmp_path) not in str(told)


@pytest.mark.parametrize("name", ["a/b", "", ".."])
def test_a_name_that_no_file_of_an_eopatch_can_bear_is_refused(name: str):
    with pytest.raises(ValidationError, match=r"eopatch\n.*without a slash"):
        Prediction(name="field", source="s", eopatch=name)


def test_the_cloud_of_supports_is_refused_where_it_decides_nothing():
    with pytest.raises(ValidationError, match=r'support_cloud is of supports = "past"'):
        Prediction(name="field", source="s", support_cloud=0.2)
    assert Prediction(name="field", source="s", supports="past", support_cloud=0.2).support_cloud == 0.2
