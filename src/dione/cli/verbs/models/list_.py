"""`dione models list`."""

from dione.cli.console import Json, say, say_json


def list_(as_json: Json = False) -> None:
    """The models that come with dione, and the baselines.

    Example: dione models list
    """
    from dione.nets.resolver import shipped
    from dione.nets.zoo import BASELINES

    if as_json:
        say_json({"shipped": list(shipped()), "baselines": list(BASELINES)})
        return
    for name in shipped():
        say(name)
    for name in BASELINES:
        say(f"{name}  (baseline, no weights)")
