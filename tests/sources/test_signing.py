"""Signatures of the Planetary Computer: asked for when they are needed, and never told."""

import socket
import sys
import time

import pytest

from dione.base.errors import BadSource, DioneError
from dione.sources.archives import signing
from dione.sources.archives.signing import PLANETARY_COMPUTER
from dione.sources.remote import web
from dione.sources.remote.patience import Patience
from dione.testing.loopback import Loopback

ASSET = "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/06/V/VN/B02.tif"


@pytest.fixture
def signer(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """The real package, led to a service on this machine."""
    pytest.importorskip("planetary_computer")
    from planetary_computer import sas, settings

    monkeypatch.setenv("PC_SDK_SAS_URL", f"{server.url}/sas/token")
    monkeypatch.setattr(sas, "TOKEN_CACHE", {})
    settings.Settings.get.cache_clear()
    return server


def test_an_address_is_signed_for_the_archive_that_wants_it(signer: Loopback) -> None:
    assert signing.signed(ASSET, PLANETARY_COMPUTER) == f"{ASSET}?sig=verysecret&of=sentinel2-l2"
    assert signing.signed(ASSET, "") == ASSET
    assert signing.signed("https://elsewhere.org/B02.tif", PLANETARY_COMPUTER) == "https://elsewhere.org/B02.tif"


def test_the_signature_is_sent_and_not_told(signer: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    (signer.folder / "a.tif").write_bytes(bytes(range(100)))
    url = f"{signer.url}/files/a.tif"
    monkeypatch.setattr(signing, "signed", lambda given, who: f"{given}?sig=verysecret" if who else given)
    asker = web.Web(frozenset({"127.0.0.1"}), PLANETARY_COMPUTER, Patience(timeout_s=0.5, tries=1))
    assert asker.read(url, 10, 20)[:2] == (bytes(range(10, 20)), 100)
    signer.fault = lambda path, number: "refused"
    with pytest.raises(DioneError, match="HTTP 403") as error:
        asker.read(url, 10, 20)
    assert "verysecret" not in str(error.value)


def test_a_service_that_never_answers_is_not_waited_for(signer: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        lead(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2)
        began = time.monotonic()
        with pytest.raises(BadSource, match="gives no signature: no answer in time"):
            signing.signed(ASSET, PLANETARY_COMPUTER)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(("where", "words"), [("search?of=", "an answer that holds none"), ("nowhere", "HTTP 404")])
def test_an_answer_without_a_signature_is_told(signer: Loopback, monkeypatch: pytest.MonkeyPatch, where: str, words: str) -> None:
    lead(monkeypatch, f"{signer.url}/{where}")
    with pytest.raises(DioneError, match=words):
        signing.signed(ASSET, PLANETARY_COMPUTER)


def test_a_service_that_fails_once_is_asked_again(signer: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["503"])
    signer.refuse = lambda: next(answers, "")
    lead(monkeypatch, f"{signer.url}/sas/token")
    assert "sig=" in signing.signed(ASSET, PLANETARY_COMPUTER)


def lead(monkeypatch: pytest.MonkeyPatch, service: str, timeout_s: float = 1.0) -> None:
    """The package to another service, asked twice."""
    from planetary_computer import settings

    monkeypatch.setenv("PC_SDK_SAS_URL", service)
    monkeypatch.setenv("DIONE_HTTP_TRIES", "2")
    monkeypatch.setenv("DIONE_HTTP_TIMEOUT", str(timeout_s))
    settings.Settings.get.cache_clear()


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "planetary_computer", None)
    with pytest.raises(DioneError, match=r"dione\[planetary-computer\]"):
        signing.signed(ASSET, PLANETARY_COMPUTER)


@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("https://a.org/B02.tif", "https://a.org/B02.tif"),
        ("https://a.org/get?file=B02.tif&sr=1", "https://a.org/get?file=B02.tif&sr=1"),
        ("https://user:verysecret@a.org/get?file=B02.tif&access_token=verysecret", "https://a.org/get?file=B02.tif"),
        (f"{ASSET}?st=2024&se=2025&sp=rl&sv=2024-05-04&sr=c&skoid=c8&sktid=72&skt=1&ske=2&sks=b&skv=3&sig=verysecret", ASSET),
        ("https://b.s3.amazonaws.com/B02.tif?versionId=7&X-Amz-Date=1&X-Amz-Signature=verysecret", "https://b.s3.amazonaws.com/B02.tif?versionId=7"),
        ("s3://bucket/B02.tif", "s3://bucket/B02.tif"),
    ],
)
def test_an_address_without_its_signature_is_still_that_of_its_file_alone(url: str, left: str) -> None:
    assert signing.unsigned(url) == left
