"""Products as ESA delivers them: real metadata, shrunk to small pictures whose numbers are known."""

import re
import shutil
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from dione import sources
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadSource, BadValues, DioneError, NotFound
from dione.sources import zarrstack
from dione.testing import grid_at, rasters
from dione.testing.archive import MadeProduct
from dione.testing.safe import LOSSLESS, write_safe

pytest.importorskip("stactools.sentinel2")

SIDE = 240
TREES = {
    "L2A 02.14": ("esa_S2B_MSIL2A_20210122T133229_N0214_R081_T22HBD_20210122T155500.SAFE", 0.0),
    "L1C 03.01": ("S2A_MSIL1C_20210908T042701_N0301_R133_T46RER_20210908T070248.SAFE", 0.0),
    "L2A 04.00": ("S2B_MSIL2A_20220413T150759_N0400_R025_T33XWJ_20220414T082126.SAFE", -0.1),
    "L2A 05.09": ("S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022158.SAFE", -0.1),
}
Deliver = Callable[..., Path]


def numbers(seed: int) -> NDArray[np.uint16]:
    return np.random.default_rng(seed).integers(1001, 6000, (SIDE, SIDE)).astype(np.uint16)


def picture(path: Path, values: NDArray[np.generic], corner: tuple[float, float], crs: str, pixel: int) -> None:
    grid = grid_at(values.shape, crs=crs, left=corner[0], top=corner[1], pixel=pixel)
    rasters.write(path, values, grid, **(LOSSLESS if path.suffix == ".jp2" else {}))


@pytest.fixture
def deliver(shared_data: Path, tmp_path: Path) -> Deliver:
    """A product with real metadata and made-up pictures under their real names, `SIDE` pixels wide."""

    def made(tree: str, *, change: Callable[[str], str] = lambda text: text, rename: Callable[[str], str] = lambda name: name) -> Path:
        folder = tmp_path / "safe" / rename(tree.removeprefix("esa_"))
        shutil.copytree(shared_data / "safe-metadata" / tree, folder)
        for path in sorted(folder.rglob("*"), key=lambda path: -len(path.parts)):
            path.rename(path.with_name(rename(path.name)))
        for xml in [*folder.rglob("*.xml"), *folder.glob("manifest.safe")]:
            text = xml.read_text()
            for size, pixel in ((10980, 10), (5490, 20), (1830, 60)):
                text = re.sub(rf"(<N(ROWS|COLS)>){size}<", rf"\g<1>{SIDE * 10 // pixel}<", text)
            xml.write_text(change(text))
        tile = next(folder.rglob("MTD_TL.xml")).read_text()
        corner = tuple(float(re.search(rf"<{name}>(-?\d+)<", tile)[1]) for name in ("ULX", "ULY"))
        crs = re.search(r"HORIZONTAL_CS_CODE>(EPSG:\d+)<", tile)[1]
        product = next(folder.glob("MTD_MSIL*.xml")).read_text()
        ending = ".tif" if 'imageFormat="GeoTIFF"' in product else ".jp2"
        for name in re.findall(r"<IMAGE_FILE>([^<]*)<", product):
            seed = next((seed for seed, band in enumerate(("B02", "B03", "B04", "B08")) if f"_{band}" in name), None)
            if seed is not None and "R20m" not in name and "R60m" not in name:
                picture(folder / f"{name}{ending}", numbers(seed), corner, crs, 10)
            elif name.endswith("SCL_20m"):
                scl = np.full((SIDE // 2, SIDE // 2), 4, np.uint8)
                scl[:10] = 9
                picture(folder / f"{name}{ending}", scl, corner, crs, 20)
        return folder

    return made


def expected(offset: float) -> NDArray[np.float64]:
    return np.stack([numbers(seed) for seed in range(4)]) / 10_000 + offset


@pytest.mark.parametrize("tree", TREES)
def test_reflectance_is_right_for_every_baseline(deliver: Deliver, tree: str) -> None:
    name, offset = TREES[tree]
    stack = sources.open(deliver(name))
    assert stacks.check(stack).sizes == {"time": 1, "band": 4, "y": SIDE, "x": SIDE}
    np.testing.assert_allclose(stack["reflectance"][0], expected(offset), atol=1e-6)
    assert stack["valid"][0, 20:].all() and bool(stack["valid"][0, :20].any()) == ("L1C" in tree)
    assert tree.split()[1] in stack.attrs["baselines"] and str(stack["platform"].values[0]) == f"sentinel-2{name.removeprefix('esa_')[2].lower()}"


def collection_1(text: str) -> str:
    """What a product of 2020 says that was processed again: its date is old, its baseline and offset are new."""
    return re.sub(r"2023-?06-?25", lambda found: found[0].replace("2023", "2020"), text).replace("05.09", "05.00").replace("N0509", "N0500")


def test_a_product_of_2020_that_was_processed_again_has_the_offset(deliver: Deliver) -> None:
    folder = deliver(TREES["L2A 05.09"][0], change=collection_1, rename=collection_1)
    stack = sources.open(folder)
    assert when.days(stack) == ["2020-06-25"]
    np.testing.assert_allclose(stack["reflectance"][0], expected(-0.1), atol=1e-6)


def by_user(text: str) -> str:
    """What a product says that its user made with Sen2Cor."""
    return re.sub(r"\b0(2\.14|5\.09)\b", "99.99", re.sub("N0(214|509)", "N9999", text))


@pytest.mark.parametrize("tree", ["L2A 02.14", "L2A 05.09"])
def test_of_what_a_user_made_with_sen2cor_the_xml_tells_the_offset(deliver: Deliver, tree: str) -> None:
    name, offset = TREES[tree]
    stack = sources.open(deliver(name, change=by_user, rename=by_user))
    np.testing.assert_allclose(stack["reflectance"][0], expected(offset), atol=1e-6)
    assert stack.attrs["baselines"] == "99.99"


def test_xml_and_baseline_that_differ_are_refused(deliver: Deliver) -> None:
    folder = deliver(TREES["L2A 05.09"][0], change=lambda text: re.sub(r"<BOA_ADD_OFFSET [^>]*>-1000<", lambda found: found[0].replace("-1000", "0"), text))
    with pytest.raises(BadValues, match=r"(?s)contradict.*XML names an offset of 0.*05\.09.*--offset"):
        sources.open(folder)
    assert sources.open(folder, offset=-0.1).sizes["time"] == 1


@pytest.mark.parametrize("tag", ["BOA_QUANTIFICATION_VALUE", "BOA_ADD_OFFSET"])
def test_numbers_that_are_none_are_named(deliver: Deliver, tag: str) -> None:
    folder = deliver(TREES["L2A 05.09"][0], change=lambda text: re.sub(rf"(<{tag}[^>]*>)-?\d+<", r"\g<1>x<", text))
    with pytest.raises(BadSource, match=f"its {tag} is 'x', no number"):
        sources.open(folder)


def test_a_relative_path_leads_to_the_same_product(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = deliver(TREES["L2A 05.09"][0])
    right = sources.open(folder)["reflectance"].values
    monkeypatch.chdir(folder.parent.parent)
    for path in ("safe", "safe/", f"safe/{folder.name}", "./safe/*.SAFE"):
        np.testing.assert_array_equal(sources.open(path)["reflectance"], right)
    monkeypatch.chdir(folder)
    np.testing.assert_array_equal(sources.open(".")["reflectance"], right)


def test_a_product_whose_folder_is_called_otherwise_says_how_to_call_it(deliver: Deliver) -> None:
    folder = deliver(TREES["L2A 05.09"][0])
    with pytest.raises(BadSource, match=r"May is a product by its manifest\.safe, but not by its name"):
        sources.open(folder.rename(folder.with_name("May")))


def zipped(folder: Path, to: Path, **more: bytes) -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
        for name, data in more.items():
            archive.writestr(name, data)
    return to


def test_a_zip_reads_as_its_folder(deliver: Deliver, tmp_path: Path) -> None:
    folder = deliver(TREES["L2A 05.09"][0])
    packed = zipped(folder, tmp_path / f"{folder.name}.zip")
    np.testing.assert_array_equal(sources.open(packed)["reflectance"], sources.open(folder)["reflectance"])


@pytest.mark.parametrize("member", ["../escaped.xml", "/tmp/escaped.xml", "a/../../escaped.xml", "C:/escaped.xml", "..\\escaped.xml"])
def test_members_of_a_zip_cannot_escape(deliver: Deliver, tmp_path: Path, member: str) -> None:
    packed = zipped(deliver(TREES["L2A 05.09"][0]), tmp_path / "S2A_MSIL2A_bad.zip", **{member: b"<x/>"})
    before = set(tmp_path.rglob("*"))
    with pytest.raises(BadSource, match="would land outside"):
        sources.open(packed)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", [b".", b"\0"])
def test_a_member_of_a_zip_without_a_name_is_told(deliver: Deliver, tmp_path: Path, name: bytes) -> None:
    packed = zipped(deliver(TREES["L2A 05.09"][0]), tmp_path / "S2A_MSIL2A_bad.zip", **{"~": b"<x/>"})
    packed.write_bytes(packed.read_bytes().replace(b"~", name))
    with pytest.raises(BadSource, match="no zip that can be read: a file in it has no name"):
        sources.open(packed)


def test_products_in_a_folder_make_a_series_in_order_of_time(deliver: Deliver) -> None:
    older = deliver(TREES["L2A 05.09"][0])
    day = "20230620"
    later = older.with_name(older.name.replace("20230625T234621", f"{day}T234621"))
    shutil.copytree(older, later)
    for xml in [*later.rglob("*.xml"), later / "manifest.safe"]:
        xml.write_text(xml.read_text().replace("2023-06-25T23:46:21", "2023-06-20T23:46:21").replace("20230625T234621", f"{day}T234621"))
    for image in later.rglob("*20230625T234621*.jp2"):
        image.rename(image.with_name(image.name.replace("20230625T234621", f"{day}T234621")))
    stack = sources.open(older.parent)
    assert when.days(stack) == ["2023-06-20", "2023-06-25"]
    assert when.days(sources.open(f"{older.parent}/*.SAFE", dates=("2023-06-21", ""))) == ["2023-06-25"]
    with pytest.raises(NotFound, match="no product in"):
        sources.open(older.parent, dates=("2022", "2022"))


def test_products_of_two_levels_are_no_series(deliver: Deliver) -> None:
    folder = deliver(TREES["L2A 05.09"][0]).parent
    deliver(TREES["L1C 03.01"][0])
    with pytest.raises(BadSource, match=r"(?s)two levels, L1C \(.*L2A \(.*\*_MSIL2A_\*\.SAFE"):
        sources.open(folder)
    assert sources.open(f"{folder}/*_MSIL2A_*.SAFE").sizes["time"] == 1
    assert sources.open(folder, dates=("2021-09", "2021-09")).sizes["time"] == 1


def test_an_area_is_cut_out(deliver: Deliver) -> None:
    folder = deliver(TREES["L2A 04.00"][0])
    grid = stacks.grid_of(sources.open(folder))[40:80, 60:120]
    stack = sources.open(folder, area=tuple(rasterio.warp.transform_bounds(str(grid.crs), "EPSG:4326", *grid.boundingbox.bbox)))
    assert stack.sizes["y"] < 100 and stack.sizes["x"] < 120


def test_what_is_missing_or_cut_off_is_named_all_at_once(deliver: Deliver) -> None:
    folder = deliver(TREES["L2A 05.09"][0])
    one, other = next(folder.rglob("*B02_10m.jp2")), next(folder.rglob("*B08_10m.jp2"))
    one.unlink()
    other.write_bytes(other.read_bytes()[:-2000])
    with pytest.raises(BadSource, match=r"(?s)B02_10m\.jp2 is missing.*B08_10m\.jp2.*(cut off|cannot be read)"):
        sources.open(folder)
    (folder / "manifest.safe").unlink()
    with pytest.raises(BadSource, match=r"no whole product: needs manifest\.safe"):
        sources.open(folder)


def test_metadata_that_would_pull_in_other_files_are_refused(deliver: Deliver) -> None:
    folder = deliver(TREES["L2A 05.09"][0])
    xml = next(folder.rglob("MTD_TL.xml"))
    xml.write_text('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + re.sub(r"<\?xml[^>]*>", "", xml.read_text()))
    with pytest.raises(BadSource, match="document type or entity"):
        sources.open(folder)


def test_metadata_that_name_files_outside_are_refused(deliver: Deliver) -> None:
    folder = deliver(TREES["L2A 05.09"][0], change=lambda text: text.replace("<IMAGE_FILE>GRANULE/", "<IMAGE_FILE>../GRANULE/"))
    with pytest.raises(BadSource, match="outside of it"):
        sources.open(folder)


def test_a_product_is_the_same_through_every_door(deliver: Deliver, tmp_path: Path) -> None:
    from stactools.sentinel2.stac import create_item

    folder = deliver(TREES["L2A 05.09"][0])
    product = sources.open(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        create_item(str(folder)).save_object(include_self_link=False, dest_href=str(tmp_path / "item.json"))
    zarrstack.save(product, tmp_path / "kept.zarr")
    pictures = next(folder.rglob("R10m"))
    doors = {f"stac:{tmp_path / 'item.json'}": {}, str(tmp_path / "kept.zarr"): {}, f"{pictures}/*_B0?_10m.jp2": {"offset": -0.1}}
    for source, told in doors.items():
        other = sources.open(source, **told)
        np.testing.assert_array_equal(other["reflectance"], product["reflectance"], err_msg=source)
        assert stacks.grid_of(other) == stacks.grid_of(product)


def test_without_stactools_the_extra_is_named(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stactools.sentinel2.stac", None)
    with pytest.raises(DioneError, match=r"dione\[safe\]"):
        sources.open(deliver(TREES["L2A 05.09"][0]))


@pytest.mark.parametrize("outer", ["NAME", "NAME.SAFE"])
def test_a_product_is_found_where_windows_unpacks_it(outer: str, tmp_path: Path) -> None:
    made = write_safe(tmp_path / "plain", MadeProduct(np.full((4, 16, 16), 2000, np.uint16), grid_at((16, 16))))
    folder = tmp_path / "downloads" / outer.replace("NAME", made.stem)
    shutil.copytree(made, folder / made.name)
    for place in (folder, folder.parent, folder / made.name):
        np.testing.assert_allclose(sources.open(place)["reflectance"].values, 0.1, rtol=1e-6)


def test_a_zip_of_a_product_without_its_folder_says_so(tmp_path: Path) -> None:
    made = write_safe(tmp_path, MadeProduct(np.full((4, 16, 16), 2000, np.uint16), grid_at((16, 16))))
    packed = Path(shutil.make_archive(str(made.with_suffix("")), "zip", made))
    with pytest.raises(BadSource, match=r"without its folder, needs one NAME\.SAFE folder.*\nunpack it into a folder of that name"):
        sources.open(packed)
