"""Addresses that have to be signed before they are read; a signature lasts an hour, so each is made when it is needed."""

import re
from urllib.parse import urlsplit

from dione.base.errors import BadSource, DioneError

PLANETARY_COMPUTER = "planetary-computer"
INSTALL = "pip install 'dione[planetary-computer]'"
SIGNATURE = re.compile(r"sig|(x-(amz|goog)-)?signature|(\w+[-_])?token", re.IGNORECASE)
"""Of what stands after a `?`, the name that says that an address is signed."""
WITH_IT = re.compile(r"x-(amz|goog)-.*|awsaccesskeyid|googleaccessid|expires|policy|key-pair-id|s[eiprtv]|sk[a-z]+|spr|sip", re.IGNORECASE)
"""The names that come with a signature (Azure, AWS, CloudFront, Google), and change with it."""


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
        import planetary_computer
    except ImportError as error:
        raise DioneError(
            f"assets of the Planetary Computer are signed by its own package, which is not installed ({error})\ninstall the extra: {INSTALL}"
        ) from error
    import requests

    try:
        made: str = planetary_computer.sign_url(url)
    except requests.RequestException as error:
        raise BadSource(
            f"the Planetary Computer gives no signature ({type(error).__name__})\ncheck the connection, and PC_SDK_SUBSCRIPTION_KEY if you have one"
        ) from error
    return made
