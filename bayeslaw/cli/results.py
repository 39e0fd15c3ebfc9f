"""What commands print of each result, as blocks of text and tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import bayeslaw as bl
from bayeslaw.architecture.fields import FIELDS
from bayeslaw.cli.show import Block, Table, Wrapped, number
from bayeslaw.core.quantities import count

if TYPE_CHECKING:
    import pandas as pd


_LAW_HEADS = ["law", "weight", "parameters"]


def posterior(posterior: bl.Posterior, ci_prob: float) -> Iterator[Block]:
    """Coefficients with intervals, and convergence."""
    frame = posterior.to_frame(ci_prob=ci_prob)
    rows = [
        [
            _informed(str(name), row["informed_by"]),
            *(row["median"], row["low"], row["high"]),
            f"{row['prior_low']:.2g} to {row['prior_high']:.2g}",
            row["published"],
        ]
        for name, row in frame.to_dict("index").items()
    ]
    title = f"{posterior.law.name} on {posterior.runs.described}, {_intervals(ci_prob)}"
    yield Table(title, ["", "median", "low", "high", "prior's interval", "published"], rows)
    yield (
        f"R-hat up to {frame['rhat'].max():.4f}; ESS from {frame['ess_bulk'].min():.0f} (bulk) and "
        f"{frame['ess_tail'].min():.0f} (tail); {posterior.convergence.divergences} divergences"
    )


def optimum(optimum: bl.Optimum) -> Iterator[Block]:
    """The best values, near-optimal ranges and active caps."""
    rows: list[list[Any]] = []
    efficient = {f"N_a/N, {name}": quantity for name, quantity in optimum.efficient.items()}
    for name, quantity in {**optimum.quantities, **efficient}.items():
        shares = [f"{100 * share:.3g}% {kind}" for kind, share in quantity.shares.items() if share]
        detail = f" ({', '.join(shares)})" if len(shares) > 1 else ""
        rows.append(
            [
                *(name, quantity.median, quantity.low, quantity.high, quantity.published),
                f"{number(quantity.prior_low)} to {number(quantity.prior_high)}",
                f"{quantity.status}{detail}",
            ]
        )
    rows.append([optimum.predicts, *optimum.predicted_interval, None, "", ""])
    heads = ["best", "median", "low", "high", "published", "prior's interval", "draws"]
    budget = optimum.budget
    where = [f"{name} = {count(value, 4)}" for name, value in optimum.at.items()]
    where += [] if budget.flops is None else [f"{count(budget.flops, 4)} FLOPs"]
    where += [f"{cap.expression.text} <= {count(cap.limit, 4)}" for cap in budget.limits]
    title = f"At {', '.join(where) or 'no constraint'}, {_intervals(optimum.ci_prob)}"
    yield Table(title, heads, rows)
    yield from optimum.near_optimal_lines()
    caps = optimum.active_caps.items()
    if active := [f"{name} in {100 * share:.3g}%" for name, share in caps if share]:
        yield f"Active caps: {', '.join(active)} of draws."


def study(study: bl.Study) -> Iterator[Block]:
    """The answer, laws with their weights, back-tests and predictions."""
    yield Wrapped(study.summary)
    if study.optimum is not None:
        yield from optimum(study.optimum)
    laws = [
        [one.law.name, round(study.weights[one.law.name], 3), len(one.law.parameters)]
        for one in study.posteriors
    ]
    yield Table(f"Laws on {study.runs.described}", _LAW_HEADS, laws)
    if len(study.back_test):
        title = f"Predictions beyond origins in the table, {_intervals(study.ci_prob)}"
        past = study.back_test.round(4)
        yield Table(title, [str(name) for name in past], past.to_numpy().tolist())
    if study.predictions is not None:
        yield Table.of(f"Predictions, {_intervals(study.ci_prob)}", study.predictions)


def next_runs(batch: bl.NextRuns) -> Iterator[Block]:
    """The runs to train, and the verdict."""
    yield Wrapped(batch.summary)
    if len(batch.frame):
        yield Table.of(f"Runs to train, costs in {batch.unit}", batch.frame)


def cheapest(cheapest: bl.Cheapest) -> Iterator[Block]:
    """The cheapest configuration that reaches a target."""
    rows = [
        [name, value, "chosen" if name in cheapest.chosen else "fixed"]
        for name, value in cheapest.configuration.items()
    ]
    yield Table("The cheapest configuration", ["", "value", ""], rows)
    median, low, high = cheapest.predicted_interval
    yield from (
        f"It costs {cheapest.cost:.4g} and reaches {cheapest.target:g} with probability "
        f"{cheapest.probability:g}.",
        f"{cheapest.predicts}: {median:.4g} ({low:.4g} to {high:.4g}); "
        f"{100 * cheapest.reached:.3g}% of draws reach the target.",
        f"Probability 0.5 costs {cheapest.cost_at_half:.4g}: "
        f"the probability costs a factor of {cheapest.cost / cheapest.cost_at_half:.3g}.",
    )


def frontier_frame(frontier: bl.Frontier) -> pd.DataFrame:
    """The columns of a frontier that are printed and written."""
    return frontier.to_frame()[["median", "low", "high", "published", "status"]].reset_index()


def frontier(frontier: bl.Frontier) -> Iterator[Block]:
    """The best values at each budget."""
    frame = frontier_frame(frontier)
    title = (
        f"The best at each budget, with {frontier.caps}; {_intervals(frontier.optima[0].ci_prob)}"
    )
    yield Table(title, list(frame.columns), frame.to_numpy().tolist())


def decision(decision: bl.Decision) -> Iterator[Block]:
    """The first candidates, and how many are near-optimal."""
    # The shape of what is built stands in its label.
    hidden = [name for name in decision.frame if name in FIELDS]
    hidden += ["activation", "granularity", "sparsity"] if hidden else []
    top = decision.frame.head(20).drop(columns=["extrapolation_factor", "variable", *hidden])
    fixed = ", ".join(f"{name} = {count(value, 4)}" for name, value in decision.at.items())
    title = f"The first {len(top)} of {len(decision.frame)} configurations"
    yield Table.of(f"{title} at {fixed}" if fixed else title, top)
    yield (
        f"{len(decision.near_optimal)} of {len(decision.frame)} have a regret below "
        f"{decision.regret_tolerance:g} with probability {decision.ci_prob:g}"
    )


def comparison(comparison: bl.Comparison) -> Iterator[Block]:
    """Laws by what was left out, by evidence, and cut by cut beyond the runs."""
    grouped = comparison.leave == "group"
    rows = [
        [
            *(law, row["parameters"], _error(row["elpd"], row["elpd_se"], ".1f")),
            "" if law == comparison.best else _error(row["elpd_diff"], row["diff_se"], ".1f"),
            *(row["verdict"], round(row["p_loo"], 1), row["bad_k"], round(row["weight"], 3)),
            *([round(row["interpolation_elpd"], 1)] if grouped else []),
            row["notes"],
        ]
        for law, row in comparison.frame.iterrows()
    ]
    heads = ["law", "parameters", "ELPD", "to the best", "verdict", "p_loo", "bad k", "weight"]
    heads += ["interpolation", "notes"] if grouped else ["notes"]
    runs = next(iter(comparison.posteriors.values())).runs
    left_out = "groups" if grouped else "runs"
    title = f"{runs.described}, {left_out} left out"
    yield Table(title, heads, rows, digits=6)
    if "log_evidence" in comparison.frame:
        yield _evidence(comparison)
    if len(comparison.extrapolation):
        yield from _extrapolation(comparison)


def _evidence(comparison: bl.Comparison) -> Table:
    rows: list[list[str]] = []
    frame = comparison.frame.sort_values("log_evidence", ascending=False)
    for law, row in frame.iterrows():
        low, high = row["bayes_factor_low"], row["bayes_factor_high"]
        factor = _error(row["log_bayes_factor"], row["bayes_factor_error"], ".2f")
        wide = "shared" if math.isnan(low) else f"{low:.2f} to {high:.2f}"
        evidence = _error(row["log_evidence"], row["evidence_error"], ".2f")
        rows.append([str(law), evidence, *((factor, wide) if rows else ("", ""))])
    title = "Evidence of log loss, if all laws are equally probable beforehand"
    heads = ("law", "log evidence", "log Bayes factor to the best")
    return Table(title, [*heads, "with priors half to twice as wide"], rows)


def _extrapolation(comparison: bl.Comparison) -> Iterator[Block]:
    rows = [
        [
            *(row["law"], row["cut"]),
            f"{row['held_out']} of {row['held_out'] + row['trained_on']}",
            f"{row['extrapolation_factor']:.3g} ({row['largest_extrapolation_factor']:.3g})",
            _error(row["elpd"], row["elpd_se"], ".3g", ".1g"),
            _error(row["crps"], row["crps_se"], ".3g", ".1g"),
            *(row["rmse"], row["coverage"], "" if row["trusted"] else "not trusted"),
        ]
        for row in comparison.extrapolation.to_dict("records")
    ]
    coverage = f"in {100 * comparison.ci_prob:g}%"
    heads = ["law", "held out", "runs", "beyond (most)", "ELPD", "CRPS", "RMSE", coverage, ""]
    title = f"The largest {comparison.over} held out, scores per run"
    yield Table(title, heads, rows, digits=3)
    weights = [f"{law} {weight:.3f}" for law, weight in comparison.extrapolation_weights.items()]
    yield f"weights from the runs held out: {', '.join(weights)}"


def nested(nested: bl.NestedComparison) -> Iterator[Block]:
    """The restricted coefficients, and how the constraint changes what is predicted."""
    rows: list[list[Any]] = [
        [
            _informed(name, coefficient.informed_by),
            *(coefficient.value, coefficient.median, coefficient.low, coefficient.high),
            f"{coefficient.prior_low:.2g} to {coefficient.prior_high:.2g}",
            coefficient.above,
        ]
        for name, coefficient in nested.restricted.items()
    ]
    comparison = nested.comparison
    heads = ["", "tested", "median", "low", "high", "prior's interval", "P(above)"]
    title = f"{nested.law}: {nested.constraint}? {_intervals(comparison.ci_prob)}"
    yield Table(title, heads, rows)
    left_out = "groups" if comparison.leave == "group" else "runs"
    rows = [[f"{left_out} left out", _error(nested.difference, nested.difference_se, ".1f"), ""]]
    for row in nested.extrapolation.to_dict("records"):
        difference = _error(row["difference"], row["error"], ".1f")
        rows.append([f"{row['cut']} held out", difference, f"{row['extrapolation_factor']:.3g}"])
    title = "Log density under the constraint minus that of the free law"
    yield Table(title, ["", "nats", "beyond"], rows)
    yield nested.summary


def speedup(speedup: bl.Speedup) -> Iterator[Block]:
    """Speedups by what is spent."""
    title = f"{speedup.variant} over {speedup.baseline}, {_intervals(speedup.ci_prob)}"
    yield Table.of(title, speedup.frame.rename(columns={"extrapolation_factor": "beyond"}))
    yield Wrapped(speedup.summary)


def new_runs(check: bl.NewRunsCheck) -> Iterator[Block]:
    """New runs and their predictions."""
    yield Table.of(f"New runs, {_intervals(check.ci_prob)}", check.frame)
    yield check.summary


def rolling_origin(check: bl.RollingOrigin) -> Iterator[Block]:
    """Coverage of runs beyond those fitted to, by distance."""
    title = f"{_intervals(check.ci_prob)} on runs beyond those fitted to"
    yield Table.of(title, check.to_frame().round(4))
    yield Wrapped(check.summary)


def prior_sensitivity(sensitivity: bl.PriorSensitivity) -> Iterator[Block]:
    """What runs and prior contribute to each quantity."""
    title = "learned from the runs, and sensitivity to prior and runs"
    yield Table.of(title, sensitivity.frame.round(3))
    title = "softest directions, in standard deviations of the priors"
    yield Table.of(title, sensitivity.directions)
    yield Wrapped(sensitivity.summary)


def calibration(calibration: bl.Calibration) -> Iterator[Block]:
    """Coverage, width and bias of each quantity."""
    yield Wrapped(calibration.summary)
    columns = ["coverage_50", "coverage_89", "coverage_95", "error_89", "p_value", "truth"]
    frame = calibration.to_frame()[[*columns, "width_89", "bias", "bias_error"]]
    yield Table.of("coverage, width and bias of 50%, 89% and 95% intervals", frame.round(4))


def demo(optima: Mapping[float, bl.Optimum], files: Iterable[str]) -> Iterator[Block]:
    """The optimal structure at each size, and the files written."""
    rows = [
        [
            *(f"{size / 1e9:g}B", name, quantity.median, quantity.low, quantity.high),
            *(quantity.published, quantity.status),
        ]
        for size, optimum in optima.items()
        for name, quantity in optimum.quantities.items()
    ]
    heads = ["N", "best", "median", "low", "high", "published", "status"]
    yield Table("Optimal structure, 89% credible intervals", heads, rows)
    largest = list(optima)[-1]
    yield from (f"At {largest / 1e9:g}B:", *optima[largest].near_optimal_lines(), *files)


def _informed(name: str, informed_by: str) -> str:
    return name if informed_by == "runs" else f"{name} ({informed_by})"


def _intervals(ci_prob: float) -> str:
    return f"{100 * ci_prob:g}% intervals"


def _error(value: float, error: float, digits: str, error_digits: str = "") -> str:
    """A number with its standard error, where it has one."""
    rest = "" if math.isnan(error) else f" ± {error:{error_digits or digits}}"
    return f"{value:{digits}}{rest}"
