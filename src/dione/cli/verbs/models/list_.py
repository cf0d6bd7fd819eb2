"""`dione models list`."""

from dione.cli.result import Result


def list_() -> Result:
    """The models that come with dione, and the baselines.

    Example: dione models list
    """
    from dione.nets.resolver import shipped
    from dione.nets.zoo import BASELINES

    facts = {"shipped": list(shipped()), "baselines": list(BASELINES)}
    return Result(facts, [*facts["shipped"], *(f"{name}  (baseline, no weights)" for name in facts["baselines"])])
