"""Against a STAC API that others wrote (stac-fastapi): its landing page, models, validation and pages, on this machine."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from rasterio.warp import transform_bounds
from shapely.geometry import box, shape

from dione import sources, testing
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import NotFound
from dione.testing.archive import MadeProduct, coarser, item, write
from dione.testing.loopback import Loopback

api = pytest.importorskip("stac_fastapi.api.app")
uvicorn = pytest.importorskip("uvicorn")

TILE = testing.grid_at((256, 256), left=300_000, top=4_900_020)
AREA = transform_bounds("EPSG:32631", "EPSG:4326", *TILE[60:188, 60:188].boundingbox.bbox)
COLLECTION = {
    "type": "Collection",
    "stac_version": "1.0.0",
    "id": "sentinel-2-l2a",
    "description": "made up",
    "license": "proprietary",
    "links": [],
    "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [["2015-06-23T00:00:00Z", None]]}},
}


def client(items: list[dict[str, Any]]) -> Any:
    """The logic that stac-fastapi wants behind its routes: two items a page."""
    from stac_fastapi.types.core import BaseCoreClient
    from stac_fastapi.types.errors import NotFoundError

    class Kept(BaseCoreClient):
        def all_collections(self, **_: Any) -> Any:
            return {"collections": [COLLECTION], "links": []}

        def get_collection(self, collection_id: str, **_: Any) -> Any:
            if collection_id != COLLECTION["id"]:
                raise NotFoundError(collection_id)
            return COLLECTION

        def post_search(self, search_request: Any, **known: Any) -> Any:
            area = shape(search_request.intersects.model_dump()) if search_request.intersects else box(*(search_request.bbox or (-180, -90, 180, 90)))
            start, end = (moment.isoformat() if moment else "" for moment in (search_request.start_date, search_request.end_date))
            found = [
                one
                for one in items
                if one["collection"] in (search_request.collections or [one["collection"]])
                and shape(one["geometry"]).intersects(area)
                and (not start or one["properties"]["datetime"] >= start)
                and (not end or one["properties"]["datetime"] <= end)
            ]
            at = int(search_request.token or 0)
            body = search_request.model_dump(mode="json", exclude_none=True) | {"token": str(at + 2)}
            following = {"rel": "next", "type": "application/geo+json", "method": "POST", "href": f"{known['request'].base_url}search", "body": body}
            return {"type": "FeatureCollection", "features": found[at : at + 2], "links": [following] if at + 2 < len(found) else []}

        def get_search(self, **_: Any) -> Any:
            raise NotFoundError("this client searches by POST")

        def get_item(self, item_id: str, collection_id: str, **_: Any) -> Any:
            return next(one for one in items if one["id"] == item_id)

        def item_collection(self, collection_id: str, **_: Any) -> Any:
            return {"type": "FeatureCollection", "features": items, "links": []}

    return Kept


@pytest.fixture
def archive(server: Loopback) -> Iterator[tuple[str, list[MadeProduct]]]:
    """A STAC API over five dates whose files lie on another server; its address and what it holds."""
    from stac_fastapi.api.models import create_post_request_model
    from stac_fastapi.extensions.pagination import TokenPaginationExtension
    from stac_fastapi.types.config import ApiSettings

    made = []
    for day in range(1, 6):
        numbers = np.random.default_rng(day).integers(1100, 5000, (4, *TILE.shape)).astype(np.uint16)
        made.append(MadeProduct(numbers, TILE, np.full(coarser(TILE).shape, 4, np.uint8), start=f"2024050{day}T105031", offset=-0.1, applied=False))
    items = [item(one, server.hrefs(write(one, server.folder))) for one in made]
    extensions = [TokenPaginationExtension()]
    model = create_post_request_model(extensions)
    built = api.StacApi(
        settings=ApiSettings(stac_fastapi_title="made up", stac_fastapi_description="made up", stac_fastapi_landing_id="made-up", stac_fastapi_version="1"),
        client=client(items)(),
        extensions=extensions,
        search_post_request_model=model,
    )
    running = uvicorn.Server(uvicorn.Config(built.app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not running.started and time.monotonic() < until:
        time.sleep(0.02)
    address = running.servers[0].sockets[0].getsockname()
    yield f"http://{address[0]}:{address[1]}", made
    running.should_exit = True
    thread.join(10)


def test_dates_and_pixels_are_those_of_the_files(archive: tuple[str, list[MadeProduct]], monkeypatch: pytest.MonkeyPatch) -> None:
    url, made = archive
    monkeypatch.setenv("DIONE_PRIVATE_HOSTS", "127.0.0.1")
    stack = sources.open(f"stac:{url}#sentinel-2-l2a", area=AREA, dates=("2024-05-02", "2024-05-04"))
    assert when.days(stack) == ["2024-05-02", "2024-05-03", "2024-05-04"]
    grid = stacks.grid_of(stack)
    top, left = round((TILE.affine.f - grid.affine.f) / 10), round((grid.affine.c - TILE.affine.c) / 10)
    for at, one in enumerate(made[1:4]):
        numbers = one.numbers[:, top : top + grid.shape[0], left : left + grid.shape[1]].astype(np.float32)
        np.testing.assert_array_equal(stack["reflectance"][at], numbers * np.float32(1e-4) - np.float32(0.1))
    assert sources.open(f"stac:{url}#sentinel-2-l2a", area=AREA).sizes["time"] == 5


def test_what_it_does_not_hold_is_told(archive: tuple[str, list[MadeProduct]]) -> None:
    url, _ = archive
    with pytest.raises(NotFound, match=r"(?s)from 2019-01-01/2019-12-31.*2024-05-01 and 2024-05-05"):
        sources.open(f"stac:{url}#sentinel-2-l2a", area=AREA, dates=("2019", "2019"))
