"""Addresses that have to be signed before they are read; a signature lasts an hour, so each is made when it is needed."""

from dione.base.errors import BadSource, DioneError

PLANETARY_COMPUTER = "planetary-computer"
INSTALL = "pip install 'dione[planetary-computer]'"


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
