"""The summary as lines to read on a terminal."""

from typing import Any

from dione.evaluation.statistics.scores import ALONE

COLUMNS = {
    "cSSIM": ("cssim", "{:.3f}"),
    "SAM °": ("sam", "{:.2f}"),
    "ERGAS": ("ergas", "{:.2f}"),
    "edges": ("edge_f1", "{:.2f}"),
    "right": ("improvement", "{:.2f}"),
    "missed": ("omission", "{:.2f}"),
    "invented": ("hallucination", "{:.2f}"),
    "alpha": ("detail_gain", "{:.2f}"),
    "input ±": ("consistency", "{:.4f}"),
    "in 90%": ("coverage_90", "{:.3f}"),
    "AUROC": ("auroc_sigma", "{:.3f}"),
}
"""Heading, score and form of the model's own scores."""


def lines(summary: dict[str, Any]) -> list[str]:
    """A table for each model that it is compared with, the model's own scores in the first; then dates of a series, and what is invented."""
    told = []
    for at, against in enumerate(summary["against"]):
        own = list(COLUMNS) if at == 0 else []
        rows = [_row(summary, line, own) for line in summary["differences"] if line["against"] == against]
        told += [
            f"{summary['model']} against {against}, {summary['dataset']}",
            *_aligned([["site", "dates", "gain, dB", "95 % interval", "places", *own], *rows]),
        ]
    if "aligned" in summary:
        moved = ", ".join(f"{name} {px:.2f}" for name, px in summary["aligned"]["moved_px"].items())
        told.append(f"up to a shift of {summary['aligned']['limit_px']:g} px along each axis and a bias; the reference was moved by, px: {moved}")
    most = max(summary["dates"])
    told.append(_alone(summary, most))
    told += [f"{line['day']}: {line['gain_db']:+.2f} dB over {line['against']} from {most} dates" for line in summary["targets"] if line["dates"] == most]
    told += [
        f"{line['site']}: at an improvement of {line['improvement']}, {summary['model']} invents {line['hallucination']}, {line['against']} {line['hallucination_against']}"
        for line in summary["equal_improvement"]
        if line["dates"] == most
    ]
    return told


def find(lines: list[dict[str, Any]], **equal: object) -> dict[str, Any]:
    """The line with these values."""
    return next(line for line in lines if all(line[name] == value for name, value in equal.items()))


def _row(summary: dict[str, Any], line: dict[str, Any], own: list[str]) -> list[str]:
    where = {"site": line["site"], "dates": line["dates"], "model": summary["model"]}
    scores = find(summary["scores"], **where) | find(summary["predictors"], **where)
    gain = line["cpsnr"]
    within = f"{gain['low']:+.2f} … {gain['high']:+.2f}" if line["places"] > 1 else "–"
    told = [line["site"], str(line["dates"]), f"{gain['mean']:+.2f}", within, str(line["places"])]
    return told + [_cell(scores[COLUMNS[name][0]], COLUMNS[name][1]) for name in own]


def _alone(summary: dict[str, Any], dates: int) -> str:
    """Each band by itself, over the first that the model is compared with; of all sites."""
    where, against = {"site": summary["scores"][-1]["site"], "dates": dates}, summary["against"][0]
    gains, own = find(summary["differences"], against=against, **where), find(summary["scores"], model=summary["model"], **where)
    parts = [f"{band} {_cell(gains[gain], '{:+.2f}')} dB, {_cell(own[held], '{:.3f}')} in 90%" for band, (gain, held) in ALONE.items()]
    return f"each band alone, {where['site']}, {dates} dates, over {against}: {'; '.join(parts)}"


def _cell(found: dict[str, float] | float | None, form: str) -> str:
    return "–" if found is None else form.format(found["mean"] if isinstance(found, dict) else found)


def _aligned(rows: list[list[str]]) -> list[str]:
    """Columns of one width, the first to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]) for row in rows]
