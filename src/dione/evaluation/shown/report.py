"""report.html: one page that opens anywhere, without network: how good, where, and how far to believe it."""

from pathlib import Path
from typing import Any

from dione.base.storage.files import write_text
from dione.evaluation.cases import Models, Source
from dione.evaluation.shown import charts
from dione.evaluation.shown.examples import Example, examples
from dione.evaluation.shown.words import find
from dione.evaluation.statistics.measured import Measured
from dione.evaluation.statistics.scores import ALONE, SCORES, TOGETHER
from dione.pages.page import Dress, rendered


def write(out: Path, summary: dict[str, Any], found: Measured, source: Source, models: Models) -> Path:
    """OUT/report.html."""
    return write_text(out / "report.html", render(summary, examples(found.rows, source, models, summary["model"])))


def render(summary: dict[str, Any], shown: list[Example]) -> str:
    """The page's text; what comes from outside is escaped, and only the page's own style and script may run."""
    most = max(summary["dates"])
    return rendered(
        "dione.evaluation",
        "scores.html",
        dress=Dress(styles=("page.css", "stage.css", "scores.css"), scripts=("stage.js", "scores.js")),
        filters={"score": _score, "difference": _difference},
        summary=summary,
        scores=TOGETHER,
        alone=ALONE,
        most=most,
        against=summary["against"][0],
        overall=_overall(summary),
        together=len({line["site"] for line in summary["scores"]}) > 1,
        headlines=_headlines(summary, most),
        tables=[_table(summary, other, most) for other in summary["against"]],
        charts=charts.charts(summary),
        examples=shown,
    )


def _overall(summary: dict[str, Any]) -> str:
    """The last site: all, or the only one."""
    return str(summary["scores"][-1]["site"])


def _headlines(summary: dict[str, Any], most: int) -> list[tuple[str, str, str]]:
    """Figure, what it is, what stands beside it."""
    model, other, site = summary["model"], summary["against"][0], _overall(summary)
    own, base = (find(summary["scores"], site=site, model=name, dates=most) for name in (model, other))
    apart = find(summary["differences"], site=site, against=other, dates=most)
    gain = apart["cpsnr"]
    within = f"{gain['low']:+.2f} to {gain['high']:+.2f} in 95 of 100 resamplings" if apart["places"] > 1 else "of one place, so without an interval"
    area = find(summary["predictors"], site=site, model=model, dates=most)
    return [
        (f"{gain['mean']:+.2f} dB", f"cPSNR over {other}", within),
        (_score(own["coverage_90"], "coverage_90"), "of the truth in the 90 % interval", "0.9 is right"),
        (_plain(area["auroc_sigma"]), "AUROC of sigma, worst tenth of errors", f"size of the added detail: {_plain(area['auroc_detail'])}"),
        (_score(own["consistency"], "consistency"), "from the input when averaged back", f"{other}: {_score(base['consistency'], 'consistency')}"),
        (_score(own["hallucination"], "hallucination"), "of the detail is invented", f"{other}: {_score(base['hallucination'], 'hallucination')}"),
        (_score(own["detail_gain"], "detail_gain"), "detail gain α", "1 can be believed, below is over-sharpened, above is timid"),
    ]


def _table(summary: dict[str, Any], other: str, most: int) -> dict[str, Any]:
    """Each site's scores from the most dates, and how they differ from another model's."""
    rows = []
    for line in summary["differences"]:
        if line["against"] == other and line["dates"] == most:
            own = find(summary["scores"], site=line["site"], model=summary["model"], dates=most)
            rows.append({"site": line["site"], "places": line["places"], "own": own, "apart": line})
    return {"against": other, "rows": rows}


def _score(found: dict[str, float] | None, name: str) -> str:
    return "–" if found is None else f"{found['mean']:.{SCORES[name].digits}f}"


def _difference(found: dict[str, float] | None, name: str, places: int) -> str:
    digits = SCORES[name].digits
    if found is None:
        return "–"
    return f"{found['mean']:+.{digits}f}" + (f" [{found['low']:+.{digits}f}, {found['high']:+.{digits}f}]" if places > 1 else "")


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
