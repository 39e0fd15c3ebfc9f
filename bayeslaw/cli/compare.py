"""Comparisons of laws, with each other and with new runs, as tables for people."""

from __future__ import annotations

import math
import sys

import bayeslaw as bl
from bayeslaw.cli import show


def show_comparison(answer: bl.Comparison) -> None:
    """Print a comparison: laws by what was left out, and cut by cut beyond the runs."""
    show.notes(answer.notes)
    grouped = answer.leave == "group"
    rows = []
    for law, row in answer.table.iterrows():
        shown = [
            str(law),
            row["parameters"],
            _with_error(row["elpd"], row["elpd_se"]),
            "" if law == answer.best else _with_error(row["elpd_diff"], row["diff_se"]),
            row["reads"],
            round(row["p_loo"], 1),
            row["bad_k"],
            round(row["weight"], 3),
        ]
        if grouped:
            shown.append(round(row["interpolation_elpd"], 1))
        rows.append([*shown, row["notes"]])
    heads = ["law", "parameters", "ELPD", "to the best", "reads", "p_loo", "bad k", "weight"]
    if grouped:
        heads.append("interpolation")
    first = next(iter(answer.posteriors.values()))
    what = "groups" if grouped else "runs"
    title = f"{len(first.runs)} runs of {first.runs.source}, {what} left out"
    show.table(title, [*heads, "notes"], rows, digits=6)
    if "log_evidence" in answer.table:
        _show_evidence(answer)
    if not len(answer.extrapolation):
        return
    weights = answer.extrapolation_weights
    rows = [
        [
            row["law"],
            row["cut"],
            f"{row['held_out']} of {row['held_out'] + row['trained_on']}",
            f"{row['beyond']:.3g} ({row['furthest']:.3g})",
            _short(row["elpd"], row["elpd_se"]),
            _short(row["crps"], row["crps_se"]),
            row["rmse"],
            row["coverage"],
            "" if row["trusted"] else "not trusted",
        ]
        for row in answer.extrapolation.to_dict("records")
    ]
    percent = f"{100 * answer.probability:g}%"
    heads = [
        "law",
        "held out",
        "runs",
        "beyond (most)",
        "ELPD",
        "CRPS",
        "RMSE",
        f"in {percent}",
        "",
    ]
    show.table(f"The largest {answer.over} held out, scores a run", heads, rows, digits=3)
    said = ", ".join(f"{law} {weight:.3f}" for law, weight in weights.items())
    sys.stdout.write(f"weights from the runs held out: {said}\n")


def show_nested(answer: bl.Nested) -> None:
    """Print what a table says of part of a law."""
    show.notes(answer.notes)
    rows = [
        [
            name if one.informed_by == "runs" else f"{name} ({one.informed_by})",
            one.value,
            one.median,
            one.low,
            one.high,
            f"{one.prior_low:.2g} to {one.prior_high:.2g}",
            one.above,
        ]
        for name, one in answer.restricted.items()
    ]
    percent = f"{100 * answer.comparison.probability:g}%"
    heads = ["", "asked", "median", "low", "high", "prior's interval", "P(above)"]
    show.table(f"{answer.law}: {answer.constraint}? {percent} intervals", heads, rows)
    left = "groups" if answer.comparison.leave == "group" else "runs"
    rows = [[f"{left} left out", _with_error(answer.difference, answer.error), ""]]
    rows += [
        [
            f"{row['cut']} held out",
            _with_error(row["difference"], row["error"]),
            f"{row['beyond']:.3g}",
        ]
        for row in answer.extrapolation.to_dict("records")
    ]
    show.table("Log density under it less that of the free law", ["", "nats", "beyond"], rows)
    sys.stdout.write(f"{answer.answer}\n")


def show_check(answer: bl.NewRunsCheck) -> None:
    """Print new runs against what was predicted of them."""
    show.notes(answer.notes)
    show.frame(f"New runs, {100 * answer.probability:g}% intervals", answer.table)
    sys.stdout.write(f"{answer.statement}\n")


def _show_evidence(answer: bl.Comparison) -> None:
    rows: list[list[str]] = []
    for law, row in answer.table.sort_values("log_evidence", ascending=False).iterrows():
        low, high = row["bayes_factor_low"], row["bayes_factor_high"]
        best = not rows
        rows.append(
            [
                str(law),
                _fine(row["log_evidence"], row["evidence_error"]),
                "" if best else _fine(row["log_bayes_factor"], row["bayes_factor_error"]),
                "" if best else "shared" if math.isnan(low) else f"{low:.2f} to {high:.2f}",
            ]
        )
    heads = ["law", "log evidence", "log Bayes factor to the best"]
    title = "Evidence of log loss, if all laws are equally probable beforehand"
    show.table(title, [*heads, "with priors half to twice as wide"], rows)


def _short(value: float, error: float) -> str:
    return f"{value:.3g}" if math.isnan(error) else f"{value:.3g} ± {error:.1g}"


def _fine(value: float, error: float) -> str:
    return f"{value:.2f} ± {error:.2f}"


def _with_error(value: float, error: float) -> str:
    return f"{value:.1f}" if math.isnan(error) else f"{value:.1f} ± {error:.1f}"
