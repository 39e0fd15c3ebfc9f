"""A report as HTML: its contents as plain data, and the template that arranges them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw import plots
from bayeslaw.core import vocabulary
from bayeslaw.core.notes import Note, qualifying
from bayeslaw.core.version import __version__
from bayeslaw.design.result import NextRuns
from bayeslaw.law.description import page as card_page
from bayeslaw.plots.formula import formula
from bayeslaw.plots.labels import percent
from bayeslaw.posterior.convergence import LARGEST_RHAT, SMALLEST_BFMI, SMALLEST_ESS
from bayeslaw.report import text
from bayeslaw.report.contents import Report
from bayeslaw.report.text import number, range_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayeslaw.optimum.decide import Decision
    from bayeslaw.optimum.result import Optimum

Contents = dict[str, Any]
# Notes that "In short" has a line for already.
_STATED = ("extrapolation",)


def page(report: Report) -> str:
    """A report as HTML."""
    return render("report.html.j2", contents(report))


def render(template: str, values: Contents) -> str:
    """A template of this folder with its values."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = resources.files("bayeslaw.report")
    environment = Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment.get_template(template).render(values) + "\n"


def contents(report: Report) -> Contents:
    """All that the page shows, as plain data."""
    posterior, best, choice = report.posterior, report.optimum, report.decision
    law, runs = posterior.law, posterior.runs
    return {
        "version": __version__,
        "question": report.question,
        "lead": (
            f"{law.name} ({law.title or 'a law of one’s own'}) fitted to {runs.described}; all "
            f"intervals are equal-tailed credible intervals of {percent(report.ci_prob)}."
        ),
        "percent": percent(report.ci_prob),
        "trusted": report.trusted,
        "notes": [
            {"severity": note.severity, "text": text.note_text(note)} for note in report.notes
        ],
        "short": _short(report) | {"qualified": qualified(report.notes)},
        "data": _data(report),
        "law": _law(report),
        "coefficients": _coefficients(report),
        "checks": _checks(report),
        "optimum": best and optimum(best, runs.loss_unit),
        "decision": choice and _decision(choice),
        "without": report.without,
        "extrapolation": _extrapolation(report),
        "next_runs": next_section(report.next_runs),
        "commands": report.commands,
        "provenance": [
            ["table", runs.source],
            ["SHA-256 of its values", runs.fingerprint],
            ["seed", str(posterior.info.settings.seed)],
            ["versions", ", ".join(f"{name} {v}" for name, v in report.versions.items())],
        ],
    }


def image(figure: Figure, alternative: str) -> Contents:
    """A figure as an SVG in a data URL, with its text for readers who do not see it."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    svg = io.BytesIO()
    # In an image of its own, since the names inside one SVG would clash with another's.
    with mpl.rc_context({"svg.hashsalt": "bayeslaw", "svg.fonttype": "path"}):
        figure.savefig(svg, format="svg", metadata={"Date": None}, facecolor="white")
    plt.close(figure)
    width, height = (round(96 * float(side)) for side in figure.get_size_inches())
    src = f"data:image/svg+xml;base64,{base64.b64encode(svg.getvalue()).decode()}"
    return {"src": src, "alt": alternative, "width": width, "height": height}


def _short(report: Report) -> Contents:
    best, choice = report.optimum, report.decision
    if best is None:
        why, _, _ = report.without["optimum"].partition(". ")
        return {"best": [], "more": [f"There is no optimum to report: {why}."]}
    more = [f"{text.first_of(choice)}."] if choice is not None else []
    return {"best": best_of(best), "more": [*answer_lines(best), *more]}


def best_of(best: Optimum) -> list[tuple[str, str]]:
    """The best value of each quantity, with its interval and status."""
    return [
        (name, text.with_interval(q.median, q.low, q.high) + text.status_text(q))
        for name, q in best.quantities.items()
    ]


def answer_lines(best: Optimum) -> list[str]:
    """What is predicted at an optimum, and how far beyond the runs that is."""
    there = text.with_interval(*best.predicted_interval)
    return [f"Predicted {best.predicts} there: {there}.", *filter(None, [text.furthest(best)])]


def qualified(notes: Iterable[Note]) -> list[str]:
    """What qualifies an answer, but for how far it lies beyond the runs."""
    return [f"{head[:1].upper()}{head[1:]}." for head in qualifying(notes, without=_STATED)]


def _data(report: Report) -> Contents:
    posterior, runs = report.posterior, report.posterior.runs
    unit = f", {posterior.law.predicts} in {runs.loss_unit}" if runs.loss_unit else ""
    embeddings = f", embeddings {runs.embeddings}" if runs.embeddings else ""
    rows = []
    for name in (*posterior.law.variables, posterior.law.predicts):
        ends = [float(end) for end in np.quantile(runs.column(name), [0.0, 0.5, 1.0])]
        reference = posterior.reference.at.get(name)
        rows.append([name, vocabulary.variable(name).means, *ends, reference])
    return {"text": f"{runs.described}{unit}{embeddings}", "rows": rows}


def _law(report: Report) -> Contents:
    card = card_page(report.posterior.law)
    source = f"{card['source']}; coefficients {card['status']}." if card["source"] else "Own."
    letters = [
        [letter["letter"], letter["is"], letter["means"], letter["embeddings"] or "–"]
        for letter in card["letters"]
    ]
    return {
        "text": f"{card['title'] or card['name']}. {source}",
        "formula": image(formula(card["latex"]), card["latex"]),
        "letters": letters,
        "caveats": card["notes"],
    }


def _coefficients(report: Report) -> Contents:
    summary = report.coefficients.to_dict("index")
    rows = [
        [
            *(name, row["median"], row["low"], row["high"]),
            *(range_of(row["prior_low"], row["prior_high"]), row["published"], row["informed_by"]),
        ]
        for name, row in summary.items()
    ]
    alternative = text.coefficients_text(report.posterior, summary)
    return {"rows": rows, "picture": image(plots.coefficients(report.posterior), alternative)}


def _checks(report: Report) -> Contents:
    posterior, check = report.posterior, report.check
    convergence, info = posterior.convergence, posterior.info
    texts = [f"Method: {info.method}, {convergence.chains} chains of {info.settings.draws} draws."]
    if info.method != "mode":
        texts.append(
            f"Largest R-hat {max(convergence.rhat.values()):.4f} (trusted below {LARGEST_RHAT:g}); "
            f"smallest effective sample size {min(convergence.ess_bulk.values()):.0f} in bulk and "
            f"{min(convergence.ess_tail.values()):.0f} in the tails (trusted above "
            f"{SMALLEST_ESS:g})."
        )
    if info.method == "nuts":
        texts.append(
            f"{convergence.divergences} divergent transitions (trusted: none); E-BFMI "
            f"{convergence.bfmi:.2f} (trusted above {SMALLEST_BFMI:g})."
        )
    rows = [
        [range_of(r["low"], r["high"]), r["runs"], r["outside"], f"{r['few']} to {r['many']}"]
        for r in check.frame.to_dict("records")
    ]
    return {
        "texts": [*texts, check.summary],
        "over": check.over,
        "rows": rows,
        "predictive": image(plots.predictive(check), check.summary),
        "residuals": image(plots.residuals(posterior), text.residuals_text(posterior)),
    }


def optimum(best: Optimum, loss_unit: str) -> Contents:
    """Table and pictures of an optimum."""
    rows: list[list[Any]] = []
    named = {f"N_a/N, {name}": quantity for name, quantity in best.efficient.items()}
    for name, q in {**best.quantities, **named}.items():
        shares = [f"{100 * s:.3g}% {kind.replace('_', ' ')}" for kind, s in q.shares.items() if s]
        prior = range_of(q.prior_low, q.prior_high)
        rows.append([name, q.median, q.low, q.high, prior, q.published, ", ".join(shares)])
    rows.append([f"{best.predicts} there", *best.predicted_interval, "–", None, "–"])
    flat = best.near_optimal_lines(number)
    alternative = f"Expected regret over {len(flat)} variables. {' '.join(flat)}"
    return {
        "where": text.constraints(best.at, best.budget) or " without constraint",
        "rows": rows,
        "picture": image(plots.optimum(best), text.optimum_text(best)),
        "flat": flat,
        "unit": loss_unit if best.predicts == "loss" else best.predicts,
        "regret": image(plots.regret(best), alternative) if flat else None,
        "caps": [f"{name} in {100 * part:.3g}%" for name, part in best.active_caps.items() if part],
    }


def _decision(choice: Decision) -> Contents:
    top = choice.frame.head(12)
    shown = [name for name in ("K", "shared", "G", "S", "N", "N_a", "D") if name in top.columns]
    numbers = [*shown, "median", "low", "high", "regret", "p_best"]
    cells = zip(top.index, top[numbers].to_numpy(float), top["near_optimal"], strict=True)
    rows = [[str(label), *row.tolist(), "yes" if near else "no"] for label, row, near in cells]
    where = ", ".join(f"{name} = {number(value)}" for name, value in choice.at.items())
    count = f"The first {len(top)} of {len(choice.frame)} configurations"
    heads = ["configuration", *shown, choice.predicts, "low", "high", "expected regret", "P(best)"]
    return {
        "caption": f"{count} by expected {choice.predicts}{f' at {where}' if where else ''}",
        "heads": [*heads, f"P(regret < {choice.regret_tolerance:g}) ≥ {choice.ci_prob:g}"],
        "rows": rows,
        "picture": image(plots.decision(choice), text.decision_text(choice)),
    }


def _extrapolation(report: Report) -> Contents:
    best, runs = report.optimum, report.posterior.runs
    if best is None:
        return {"text": "The page predicts nothing beyond the runs."}
    rows = []
    for name, factor in best.extrapolation_factor.items():
        ends = [float(runs.column(name).min()), float(runs.column(name).max())]
        rows.append([name, *ends, factor if factor > text.EDGE else "within"])
    within = "The answer lies within the range of the runs in every variable."
    return {"text": text.furthest(best) or within, "rows": rows}


def next_section(batch: NextRuns | str | None) -> Contents | str | None:
    """Sentences, table and picture of the runs to train next."""
    if not isinstance(batch, NextRuns):
        return batch
    answer, _, _ = batch.summary.rpartition(batch.reason)
    table = batch.frame
    return {
        "reason": batch.reason,
        "text": answer.strip(),
        "heads": ["run", *(str(name).replace("total_cost", "total cost") for name in table)],
        "rows": [[str(run), *row] for run, *row in table.astype(float).itertuples()],
        "picture": image(plots.next_runs(batch), batch.summary) if len(table) else None,
        "notes": [text.note_text(note) for note in batch.own_notes],
    }
