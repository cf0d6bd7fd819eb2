"""Addresses that have to be signed before they are read; a signature lasts an hour, so each is made when it is needed."""

import re
import threading
from typing import Any
from urllib.parse import urlsplit

import requests

from dione.base.errors import BadSource, DioneError
from dione.sources.remote import sessions
from dione.sources.remote.addresses import host_of
from dione.sources.remote.httpfaults import plain, refusal
from dione.sources.remote.patience import Patience

PLANETARY_COMPUTER = "planetary-computer"
INSTALL = "pip install 'dione[planetary-computer]'"
SIGNATURE = re.compile(r"sig|(x-(amz|goog)-)?signature|(\w+[-_])?token", re.IGNORECASE)
"""Of what stands after a `?`, the name that says that an address is signed."""
WITH_IT = re.compile(r"x-(amz|goog)-.*|awsaccesskeyid|googleaccessid|expires|policy|key-pair-id|s[eiprtv]|sk[a-z]+|spr|sip", re.IGNORECASE)
"""The names that come with a signature (Azure, AWS, CloudFront, Google), and change with it."""

LEAST_S = 60
"""For which a signature that is kept has to hold still."""
_asking = threading.Lock()


def unsigned(url: str) -> str:
    """The address without user, password and signature: the same for one file whenever it was signed, another for another file."""
    parts = urlsplit(url)
    asked = [(one.partition("=")[0], one) for one in parts.query.split("&")]
    is_signed = any(SIGNATURE.fullmatch(name) for name, _ in asked)
    kept = [one for name, one in asked if not is_signed or not (SIGNATURE.fullmatch(name) or WITH_IT.fullmatch(name))]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="&".join(kept)).geturl()


def signed(url: str, signer: str) -> str:
    """The address as it may be read. Raises DioneError when the extra is missing, BadSource when no signature is given."""
    if signer != PLANETARY_COMPUTER:
        return url
    try:
        from planetary_computer import sas
    except ImportError as error:
        raise DioneError(
            f"assets of the Planetary Computer are signed by its own package, which is not installed ({error})\ninstall the extra: {INSTALL}"
        ) from error
    parts = urlsplit(url)
    if not parts.netloc.endswith(sas.BLOB_STORAGE_DOMAIN) or unsigned(url) != url:
        return url
    made: str = _token(parts.netloc.partition(".")[0], parts.path.lstrip("/").partition("/")[0]).sign(url).href
    return made


def _token(account: str, container: str) -> Any:
    """What signs all of a container, asked for once by all threads and by our own rules: the package would wait for an answer for ever."""
    from planetary_computer import sas, settings

    told = settings.Settings.get()
    where, patience = f"{told.sas_url}/{account}/{container}", Patience.told()
    key = {"Ocp-Apim-Subscription-Key": told.subscription_key} if told.subscription_key else None
    with _asking:
        kept = sas.TOKEN_CACHE.get(where)
        if kept is not None and kept.ttl() > LEAST_S:
            return kept
        try:
            answer = sessions.session(frozenset({host_of(where)}), patience).get(where, headers=key, timeout=patience.timeout_s)
            if not answer.ok:
                raise refusal(answer.status_code, where, answer.headers.get("Date", ""))
            sas.TOKEN_CACHE[where] = sas.SASToken(**answer.json())
        except requests.JSONDecodeError as error:
            raise _none("an answer that is not JSON") from error
        except requests.RequestException as error:
            raise _none(plain(error)) from error
        except (TypeError, ValueError) as error:
            raise _none("an answer that holds none") from error
        return sas.TOKEN_CACHE[where]


def _none(why: str) -> BadSource:
    return BadSource(f"the Planetary Computer gives no signature: {why}\ncheck the connection, and PC_SDK_SUBSCRIPTION_KEY if you have one; or try again later")
