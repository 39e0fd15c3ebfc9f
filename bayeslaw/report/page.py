"""A report as one page: sections in the order in which a reader wants them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bayeslaw import plots
from bayeslaw.core import vocabulary
from bayeslaw.core.notes import Note
from bayeslaw.core.version import __version__
from bayeslaw.law.description import page as card_page
from bayeslaw.plots.formula import formula
from bayeslaw.report import text as words
from bayeslaw.report.contents import Report
from bayeslaw.report.html import (
    Markup,
    image,
    items,
    joined,
    number,
    picture,
    scrolling,
    table,
    tag,
)
from bayeslaw.report.style import STYLE

_CAVEAT = (
    "Intervals say how uncertain the coefficients are if the law is right. They do not cover the "
    "law's being wrong: in real tables laws miss by 10 to 50 times the noise between replicates."
)


def page(facts: Report) -> str:
    """A report as HTML."""
    notes = list(_notes(facts))
    parts: list[Markup] = [tag("h1", facts.question), tag("p", _lead(facts), class_="lead")]
    # Who must not use the numbers has to know before seeing them.
    parts += [] if facts.trusted else notes
    parts += [*_short(facts), *_data(facts), *_law(facts), *_coefficients(facts), *_checks(facts)]
    parts += [*_optimum(facts), *_decision(facts), *_extrapolation(facts)]
    parts += notes if facts.trusted else []
    parts += _again(facts)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="generator", content=f"bayeslaw {__version__}"),
        tag("title", facts.question),
        tag("style", Markup(STYLE)),
    )
    body = tag("body", tag("main", Markup("\n".join(parts))))
    return f"<!DOCTYPE html>\n{tag('html', head, Markup(chr(10)), body, lang='en')}\n"


def _percent(facts: Report) -> str:
    return f"{100 * facts.probability:g}%"


def _lead(facts: Report) -> str:
    posterior = facts.posterior
    return (
        f"{posterior.law.name} ({posterior.law.title or 'a law of one’s own'}) fitted to "
        f"{words.runs_of(posterior.runs)}; all intervals are equal-tailed "
        f"credible intervals of {_percent(facts)}."
    )


def _notes(facts: Report) -> Iterator[Markup]:
    title = "Notes" if facts.trusted else "Do not use these numbers as they stand"
    yield tag("h2", title)
    if not facts.notes:
        yield tag("p", "There is nothing to warn of.")
    yield from map(_note, facts.notes)


def _note(note: Note) -> Markup:
    remedy = f" {note.remedy}." if note.remedy else ""
    text = f" {note.message[:1].upper()}{note.message[1:]}.{remedy}"
    return tag("p", tag("strong", f"{note.severity.capitalize()}:"), text, class_=note.severity)


def _short(facts: Report) -> Iterator[Markup]:
    yield tag("h2", "In short")
    said: list[Any] = []
    best, choice = facts.optimum, facts.decision
    if best is None:
        why, _, _ = facts.without["optimum"].partition(". ")
        said.append(f"There is no optimum to report: {why}.")
    else:
        for name, one in best.quantities.items():
            inside = words.between(one.median, one.low, one.high)
            status = "" if one.status == "interior" else f", {one.status.replace('_', ' ')}"
            said.append(joined(["Best ", tag("strong", name), f": {inside}{status}."]))
        said.append(f"Predicted {best.predicts} there: {words.between(*best.predicted)}.")
    if choice is not None:
        near = len(choice.near_optimal)
        said.append(
            f"Of {len(choice.table)} configurations {choice.best} has the least expected "
            f"{choice.predicts}; {near} are as good as the best for all that is known."
        )
    if best is not None and (far := words.furthest(best)):
        said.append(far)
    said.append(_CAVEAT)
    yield items(said)


def _data(facts: Report) -> Iterator[Markup]:
    posterior, runs = facts.posterior, facts.posterior.runs
    yield tag("h2", "Data")
    unit = f", {posterior.law.predicts} in {runs.loss_unit}" if runs.loss_unit else ""
    embeddings = f", embeddings {runs.embeddings}" if runs.embeddings else ""
    yield tag("p", f"{words.runs_of(runs)}{unit}{embeddings}.")
    rows = []
    for name in (*posterior.law.variables, posterior.law.predicts):
        values = runs.column(name)
        ends = [float(end) for end in np.quantile(values, [0.0, 0.5, 1.0])]
        held = posterior.reference.at.get(name)
        rows.append([name, vocabulary.variable(name).means, *ends, held])
    heads = ["variable", "meaning", "lowest", "median", "highest", "reference run"]
    yield table("What the runs cover", heads, rows)


def _law(facts: Report) -> Iterator[Markup]:
    law = card_page(facts.posterior.law)
    yield tag("h2", "Law")
    source = f"{law['source']}; coefficients {law['status']}." if law["source"] else "Own."
    yield tag("p", f"{law['title'] or law['name']}. {source}")
    yield scrolling(image(formula(law["latex"]), law["latex"]), "Formula", classes="scroll formula")
    rows = [
        [one["letter"], one["is"], one["means"], one["embeddings"] or "–"] for one in law["letters"]
    ]
    yield table("Letters of the formula", ["letter", "is", "meaning", "embeddings"], rows)
    if law["notes"]:
        yield tag("h3", "Caveats of the law")
        yield items(law["notes"])


def _coefficients(facts: Report) -> Iterator[Markup]:
    yield tag("h2", "Coefficients")
    summary = facts.coefficients.to_dict("index")
    rows = [
        [
            name,
            *(float(row[end]) for end in ("median", "low", "high")),
            f"{number(row['prior_low'])} to {number(row['prior_high'])}",
            float(row["published"]),
            row["informed_by"],
        ]
        for name, row in summary.items()
    ]
    heads = ["coefficient", "median", "low", "high", "prior’s interval", "published", "informed by"]
    yield table(f"Coefficients with {_percent(facts)} intervals", heads, rows)
    yield picture(
        plots.coefficients(facts.posterior),
        "Each coefficient’s posterior before its prior, and the published value.",
        words.coefficients(facts.posterior, summary),
    )


def _checks(facts: Report) -> Iterator[Markup]:
    posterior = facts.posterior
    found, info = posterior.convergence, posterior.info
    yield tag("h2", "Checks")
    said = [f"Method: {info.method}, {found.chains} chains of {info.settings.draws} draws."]
    if info.method != "mode":
        said.append(
            f"Largest R-hat {max(found.rhat.values()):.4f} (trusted below 1.01); smallest "
            f"effective sample size {min(found.ess_bulk.values()):.0f} in bulk and "
            f"{min(found.ess_tail.values()):.0f} in the tails (trusted above 400)."
        )
    if info.method == "nuts":
        said.append(
            f"{found.divergences} divergent transitions (trusted: none); E-BFMI {found.bfmi:.2f} "
            "(trusted above .3)."
        )
    yield items([*said, f"{facts.check.summary}."])
    check = facts.check
    rows = [
        [
            f"{number(row['low'])} to {number(row['high'])}",
            row["runs"],
            row["outside"],
            f"{row['few']} to {row['many']}",
        ]
        for row in check.frame.to_dict("records")
    ]
    heads = [check.over, "runs", "outside", "by chance"]
    yield table("Runs outside their predictive intervals", heads, rows)
    yield picture(
        plots.predictive(check),
        "Runs outside their predictive intervals. The fit has seen these runs: of new ones more "
        "may lie outside.",
        f"{check.summary}.",
    )
    yield picture(
        plots.residuals(posterior),
        "What the law leaves of each run; a trend or a bend is something that it misses.",
        words.residuals_seen(posterior),
    )


def _optimum(facts: Report) -> Iterator[Markup]:
    best = facts.optimum
    yield tag("h2", "Optimum")
    if best is None:
        yield tag(
            "p", f"Nothing was asked, and by itself there is none. {facts.without['optimum']}."
        )
        return
    named = {f"N_a/N, {name}": one for name, one in best.rules.items()}
    rows: list[list[Any]] = []
    for name, one in {**best.quantities, **named}.items():
        shares = [
            f"{100 * share:.3g}% {kind.replace('_', ' ')}"
            for kind, share in one.shares.items()
            if share
        ]
        prior = f"{number(one.prior_low)} to {number(one.prior_high)}"
        rows.append([name, one.median, one.low, one.high, prior, one.published, ", ".join(shares)])
    rows.append([f"{best.predicts} there", *best.predicted, "–", None, "–"])
    heads = ["best", "median", "low", "high", "prior’s interval", "published", "draws"]
    where = words.constraints(best.at, best.budget) or " without constraint"
    yield table(f"The best configuration{where}", heads, rows)
    yield picture(
        plots.optimum(best), "Densities of the best configuration.", words.optimum_seen(best)
    )
    if best.near:
        yield tag("h3", "How flat it is")
        lines = best.near_lines(number)
        yield items(lines)
        unit = facts.posterior.runs.loss_unit if best.predicts == "loss" else best.predicts
        yield picture(
            plots.regret(best),
            f"What leaving the optimum costs in {unit}, one variable at a time.",
            f"Expected regret over {len(lines)} variables. {' '.join(lines)}",
        )
    bound = [f"{name} in {100 * share:.3g}%" for name, share in best.binding.items() if share]
    if bound:
        yield tag("p", f"Caps that are reached: {', '.join(bound)} of draws.")


def _decision(facts: Report) -> Iterator[Markup]:
    choice = facts.decision
    yield tag("h2", "Decision")
    if choice is None:
        yield tag("p", f"There is no ranking: {facts.without['decision']}.")
        return
    top = choice.table.head(12)
    given = [name for name in ("K", "shared", "G", "S", "N", "N_a", "D") if name in top.columns]
    rows = [
        [
            str(label),
            *(float(row[name]) for name in given),
            *(float(row[name]) for name in ("median", "low", "high", "regret", "p_best")),
            "yes" if row["near_optimal"] else "no",
        ]
        for label, row in zip(top.index, top.to_dict("records"), strict=True)
    ]
    heads = ["configuration", *given, choice.predicts, "low", "high", "expected regret"]
    heads += ["P(best)", f"P(regret < {choice.within:g}) ≥ {choice.probability:g}"]
    said = ", ".join(f"{name} = {number(value)}" for name, value in choice.at.items())
    where = f" at {said}" if said else ""
    count = f"The first {len(top)} of {len(choice.table)} configurations"
    yield table(f"{count} by expected {choice.predicts}{where}", heads, rows)
    yield picture(
        plots.decision(choice),
        "Expected regret against the best, and the probability of being best.",
        words.decision_seen(choice),
    )


def _extrapolation(facts: Report) -> Iterator[Markup]:
    best, runs = facts.optimum, facts.posterior.runs
    yield tag("h2", "How far it extrapolates")
    if best is None:
        yield tag("p", "The page predicts nothing beyond the runs.")
        return
    within = "The answer lies within the range of the runs in every variable."
    yield tag("p", words.furthest(best) or within)
    rows = []
    for name, times in best.beyond.items():
        values = runs.column(name)
        ends = [float(values.min()), float(values.max())]
        rows.append([name, *ends, times if times > words.EDGE else "within"])
    heads = ["variable", "lowest run", "highest run", "times beyond"]
    yield table("The answer against the runs", heads, rows)


def _again(facts: Report) -> Iterator[Markup]:
    posterior = facts.posterior
    yield tag("h2", "How to reproduce it")
    yield tag(
        "p",
        "With the columns, units and filters that the table was read with, these commands make the "
        "fit and this page again:",
    )
    yield tag("pre", tag("code", "\n".join(facts.commands)))
    rows = [
        ["table", posterior.runs.source],
        ["SHA-256 of its values", tag("code", posterior.runs.fingerprint)],
        ["seed", str(posterior.info.settings.seed)],
        ["versions", ", ".join(f"{name} {said}" for name, said in facts.versions.items())],
    ]
    yield table("Provenance", ["what", "value"], rows)
