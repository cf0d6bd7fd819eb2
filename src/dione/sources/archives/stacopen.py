"""A catalogue opened, near or far: an API, files, or items alone; read by our rules, its faults told as ours."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pystac
import requests
from pystac_client import Client
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError, ParametersError
from pystac_client.stac_api_io import StacApiIO
from pystac_client.warnings import DoesNotConformTo
from shapely.errors import ShapelyError

from dione.base.errors import BadSource, DioneError, NotFound
from dione.sources.archives.catalogues import Catalogue, on_disk, within
from dione.sources.places import is_remote, near, shown
from dione.sources.remote.httpfaults import plain, refusal
from dione.sources.remote.web import Web

Opened = Client | pystac.Catalog | list[pystac.Item]
"""An API, a static catalogue, or items alone."""
FAULTS = (
    APIError,
    ClientTypeError,
    ParametersError,
    requests.RequestException,
    pystac.STACError,
    pystac.STACTypeError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    AssertionError,
    RecursionError,
    OverflowError,
    NotImplementedError,
    DoesNotConformTo,
    ShapelyError,
)
"""What pystac and its client raise on a catalogue that cannot be reached or is none."""


def opened(catalogue: Catalogue, web: Web) -> Opened:
    """What its address leads to. Raises NotFound, BadSource."""
    if not is_remote(catalogue.url) and not Path(catalogue.url).is_file():
        raise NotFound(f"nothing found at {shown(catalogue.url)}{near(catalogue.url)}\nneeds a STAC catalogue, collection or item (JSON), or an address")
    io = Careful(web, catalogue.url)
    read = io.read_json(catalogue.url)
    if not isinstance(read, dict):
        raise BadSource(f"{shown(catalogue.url)} is no STAC catalogue: it holds a {type(read).__name__}")
    _not_of_an_api(read, catalogue.url)
    if read.get("type") in ("Feature", "FeatureCollection"):
        features = read["features"] if read["type"] == "FeatureCollection" else [read]
        return [pystac.Item.from_dict(one, href=catalogue.url, preserve_dict=False) for one in features]
    if read.get("conformsTo"):
        io.is_api = True
        return Client.open(catalogue.url, stac_io=io)
    # The file is its own root, so that all that it leads to is read by our rules.
    read["links"] = [link for link in read.get("links", []) if link.get("rel") not in ("root", "parent", "self")]
    kind = pystac.Collection if read.get("type") == "Collection" else pystac.Catalog
    made = kind.from_dict(read, href=catalogue.url)
    made.set_root(made)
    made._stac_io = io
    return made


def _not_of_an_api(read: dict[str, Any], url: str) -> None:
    """Raise BadSource for a collection of an API, in which no file is named, and for one page of several, which is not all there is."""
    links = {link.get("rel"): link for link in read.get("links", [])}
    is_page = read.get("type") == "FeatureCollection" and "next" in links and is_remote(url)
    is_collection = read.get("type") == "Collection" and "items" in links and not links.keys() & {"item", "child"}
    if is_page or is_collection:
        name = read.get("id") if is_collection else next((one.get("collection") for one in read["features"]), None)
        place = f"stac:{shown(str(links.get('root', {}).get('href') or 'https://host/v1'))}#{name or 'COLLECTION'}"
        raise BadSource(f"{shown(url)} is {'one page of several' if is_page else 'a collection'} of an API\nname the API and the collection: {place}")


class Careful(StacApiIO):
    """Reads catalogues by the rules of `dione.sources.remote.web`; one from afar leads to no file of this machine, one that is here to those of its folder."""

    is_api = False

    def __init__(self, web_: Web, url: str) -> None:
        super().__init__(timeout=web_.patience.timeout_s, max_retries=None)
        self.session.close()
        self.session = web_.patient_session()
        self.remote, self.home = is_remote(url), Path(url).parent

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        href = source.get_absolute_href() if isinstance(source, pystac.Link) else str(source)
        if self.remote and not str(href).startswith(("http://", "https://")):
            raise BadSource(f"the catalogue leads to '{shown(str(href))}', which is not followed")
        if self.remote:
            return super().read_text(source, *args, **kwargs)
        place = on_disk(str(href))
        if not is_remote(place):
            within(place, self.home, f"the catalogue leads to '{shown(place)}', which is not followed")
        return super().read_text(place, *args, **kwargs)

    def stac_object_from_dict(self, *args: Any, **kwargs: Any) -> Any:
        """A collection among files is one of files: an API's would ask its root to search."""
        made = super().stac_object_from_dict if self.is_api else partial(pystac.StacIO.stac_object_from_dict, self)
        return made(*args, **kwargs)


@contextmanager
def faults_told(url: str) -> Iterator[None]:
    """Faults of reading a catalogue, as BadSource that names it and no secret."""
    try:
        yield
    except DioneError:
        raise
    except json.JSONDecodeError as error:
        raise BadSource(f"{shown(url)} is no STAC catalogue: it is not JSON\ncheck the address; a page to log in may stand before it") from error
    except FAULTS as error:
        raise _of(error, url) from error


def _of(error: BaseException, url: str) -> DioneError:
    """What lies under an error of pystac or its client: one of ours, a status, or a connection."""
    under: BaseException | None = error
    while under is not None:
        if isinstance(under, DioneError):
            return under
        if status := getattr(under, "status_code", None):
            return refusal(int(status), url)
        if isinstance(under, requests.RequestException) or (isinstance(under, OSError) and is_remote(url)):
            return BadSource(f"{shown(url)} cannot be searched: {plain(under)}\ncheck the address and the connection")
        under = under.__cause__ or under.__context__
    return BadSource(f"{shown(url)} is no STAC catalogue that can be read: {type(error).__name__}\ncheck the address, and that it holds what STAC asks for")
