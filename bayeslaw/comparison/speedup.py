"""``speedup``: how much sooner a variant of a recipe reaches a loss than its baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.comparison.equal_loss import Curve, reached
from bayeslaw.comparison.speedup_notes import fit_notes, floor_notes, place_notes
from bayeslaw.comparison.speedup_result import Speedup
from bayeslaw.comparison.variant_law import RECIPE, variant_law
from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError, check_names, refuse
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.core.quantities import quantity
from bayeslaw.inference.fit import fit
from bayeslaw.inference.fit_by_group import fit_by_group
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import ReferenceRun, Runs
from bayeslaw.runs.geometry import extrapolation_factor

if TYPE_CHECKING:
    import pandas as pd

_PLACE = "speedup"
_EXAMPLE = 'Such as speedup(runs, law="marin2026", by="recipe", variant="wide", baseline="v16")'
_OVER = ("C", "D")


@public
def speedup(
    source: Runs | Mapping[str, Posterior],
    *,
    variant: str,
    baseline: str,
    law: str | Path | Law | None = None,
    by: str | None = None,
    shared: bool = True,
    over: str | None = None,
    at: Mapping[str, Any] | None = None,
    loss: float | Sequence[float] | None = None,
    throughput: float = 1.0,
    ci_prob: float = INTERVAL,
    **options: Any,
) -> Speedup:
    """Effective speedup of a variant over a baseline, with its interval.

    The speedup at C is C' / C, where the baseline needs C' to reach the loss that the variant
    reaches with C: above 1 the variant is better. If both are floor + A*C**-alpha with one floor
    and one exponent, it is ((L_baseline - floor) / (L_variant - floor))**(1/alpha), whatever C is.
    Otherwise it changes with C.

    Parameters
    ----------
    source : Runs or mapping of str to Posterior
        A table with runs of both, or a posterior of each by name, fitted apart.
    variant, baseline : str
        Names of the two: values of the column ``by``, or keys of the mapping.
    law : str, Path or Law
        Of a table: the law of both. Fix a floor with ``bl.law(...).constrain("E = 1.6")``.
    by : str
        Of a table: the column that names the recipe of each run.
    shared : bool
        Of a table: one law for both, in which a run of the variant counts as ``speedup`` times the
        variable, so that floor and exponents are shared and the speedup is the same at every scale.
        Otherwise each is fitted by itself.
    over : str, optional
        The variable that is spent; unless given C or D, if the law has one of them, or its only
        variable.
    at : mapping, optional
        Other variables of the law; the reference run's unless given. For ``over`` one value or
        several: what the variant spends. The ends and the middle of the runs unless given.
    loss : float or sequence of float, optional
        Losses to reach, instead of amounts to spend.
    throughput : float
        The variant's throughput (``over`` a second) over the baseline's: with it the speedup is one
        in time.
    ci_prob : float
        Probability of the equal-tailed intervals.
    **options
        Of a table: as for ``fit``.

    Returns
    -------
    Speedup
        Speedups of the laws' values: medians over possible recipes of the noise, not of single
        runs, and only as right as the law.

    Raises
    ------
    RequestError, TableError
        If a recipe, variable or option does not exist, the law does not fall in ``over``, or both
        ``at`` and ``loss`` give places.
    """
    refuse(
        _PLACE,
        (variant == baseline, f"{variant!r} is both variant and baseline", "Name two recipes"),
        (
            not (math.isfinite(throughput) and throughput > 0),
            f"throughput = {throughput}",
            "Give the variant's tokens a second over the baseline's, such as 0.94",
        ),
    )
    fixed = dict(at or {})
    if isinstance(source, Runs):
        law = _law_of(law)
        over = _variable(law, over)
        curves = _of_table(source, law, by, (variant, baseline), shared, over, fixed, options)
    else:
        given = {"law": law, "by": by, **options}
        extra = ", ".join(name for name, value in given.items() if value is not None)
        refuse(_PLACE, (bool(extra), f"{extra} with posteriors", "Fits need no more: omit it"))
        check_names([variant, baseline], source, "there is no posterior {!r}", place=_PLACE)
        pair = source[variant], source[baseline]
        over = _variable(pair[0].law, over)
        shared, curves = False, [_curve(each, over, fixed) for each in pair]
    return _answer(
        curves, (variant, baseline), over, fixed, loss, throughput, shared=shared, ci_prob=ci_prob
    )


def _law_of(law: str | Path | Law | None) -> Law:
    if law is None:
        raise RequestError("a table without a law", place=_PLACE, remedy=_EXAMPLE)
    return load_law(law)


def _variable(law: Law, over: str | None) -> str:
    """The variable that is spent."""
    names = list(law.variables)
    if over is not None:
        check_names([over], names, f"{law.name} has no variable {{!r}}", place=f"{_PLACE}, over")
        return over
    usual = [name for name in _OVER if name in names] or (names if len(names) == 1 else [])
    if not usual:
        problem = f"{law.name} reads {', '.join(names)}, none of which is usually spent"
        raise RequestError(problem, place=_PLACE, remedy=f'Name one: over="{names[0]}"')
    return usual[0]


def _curve(posterior: Posterior, over: str, fixed: Mapping[str, Any], **more: float) -> Curve:
    """The law of a posterior in one variable, which has to fall in it."""
    law = posterior.law
    place = f"{_PLACE}, at"
    check_names(
        [name for name in fixed if name != over],
        [name for name in law.variables if name not in more],
        f"{law.name} has no variable {{!r}}",
        place=place,
    )
    refuse(
        _PLACE,
        (over not in law.variables, f"{law.name} does not read {over}", "Fit both to one variable"),
        (
            bool(posterior.pool),
            "coefficients vary by group",
            'Give the group\'s: {"wide": posterior.of_group(recipe="wide"), ...}',
        ),
    )
    others = {
        name: quantity(fixed[name], name, place=place) if name in fixed else value
        for name, value in posterior.reference.at.items()
        if name in law.variables and name != over
    }
    curve = Curve(posterior, over, {**others, **more}, posterior.coefficients())
    centre = float(np.exp(np.log(posterior.runs.column(over)).mean()))
    if not curve.falls(centre):
        raise RequestError(
            f"{law.name} does not fall in {over} in every draw, so that no one amount of it "
            "belongs to a loss",
            place=_PLACE,
            remedy="Name a variable in which more is better, such as C or D, with over=",
        )
    return curve


def _of_table(
    runs: Runs,
    law: Law,
    by: str | None,
    names: tuple[str, str],
    shared: bool,
    over: str,
    fixed: Mapping[str, Any],
    options: dict[str, Any],
) -> list[Curve]:
    """Fits of a table, by one law for both or one for each."""
    if by is None:
        raise RequestError("a table without by=", place=_PLACE, remedy=_EXAMPLE)
    runs = runs.require([*law.variables, law.predicts], purpose=f"the law {law.name!r}")
    labels = runs.labels(by).astype(str).to_numpy()
    check_names(names, list(dict.fromkeys(labels)), f"no run has {by} {{!r}}", place=_PLACE)
    runs = runs.select(np.isin(labels, names))
    if not shared:
        fits = fit_by_group(runs, law, by=by, **options)
        posteriors = {str(label): posterior for label, posterior in fits.items()}
        return [_curve(posteriors[name], over, fixed) for name in names]
    is_variant = runs.labels(by).astype(str).to_numpy() == names[0]
    recipe = np.where(is_variant, math.e, 1.0)
    table = runs.table.assign(**{RECIPE: recipe})
    both = replace(runs, table=table, variables=(*runs.variables, RECIPE))
    joint = variant_law(law, over, place=_PLACE)
    if "reference" not in options:
        # Priors are stated at a run of the baseline.
        reference = ReferenceRun.of(both, joint.variables, joint.predicts)
        options["reference"] = replace(reference, at={**reference.at, RECIPE: 1.0})
    posterior = fit(both, joint, **options)
    return [_curve(posterior, over, fixed, **{RECIPE: value}) for value in (math.e, 1.0)]


def _answer(
    curves: Sequence[Curve],
    names: tuple[str, str],
    over: str,
    fixed: Mapping[str, Any],
    loss: float | Sequence[float] | None,
    throughput: float,
    *,
    shared: bool,
    ci_prob: float,
) -> Speedup:
    """Solve for what both spend, and summarise."""
    ours, theirs = _paired(curves)
    posteriors = [each.posterior for each in curves]
    seen = np.concatenate([each.runs.column(over) for each in posteriors])
    centre = float(np.exp(np.log(seen).mean()))
    if loss is None:
        places = _places(fixed.get(over), over, seen)
        losses = np.array(ours(places))
        spent = np.broadcast_to(places, losses.shape)
    else:
        refuse(_PLACE, (over in fixed, f"both loss= and {over} in at=", "Give one of them"))
        values = [quantity(v, "loss", place=_PLACE) for v in np.atleast_1d(loss).tolist()]
        losses = np.broadcast_to(np.array(values), (ours.size, len(values)))
        spent = reached(ours, losses, centre)
    needed = reached(theirs, losses, centre)
    with np.errstate(all="ignore"):
        draws = throughput * needed / spent
    frame = _frame(draws, spent, losses, needed, over, ci_prob)
    frame["extrapolation_factor"] = _distance(posteriors, over, spent, needed)
    notes = (
        *fit_notes(posteriors, names, shared),
        *floor_notes(posteriors[1].law, shared),
        *place_notes(frame, draws, names, over, shared),
    )
    return Speedup(
        variant=names[0],
        baseline=names[1],
        over=over,
        frame=frame,
        draws=draws,
        at={name: value for name, value in curves[0].at.items() if name != RECIPE},
        throughput=throughput,
        shared=shared,
        ci_prob=ci_prob,
        notes=notes,
    )


def _paired(curves: Sequence[Curve]) -> list[Curve]:
    """Curves with as many draws, pairwise: any pairs of two fits, the same ones of one fit."""
    least = min(curve.size for curve in curves)
    thinned = []
    for curve in curves:
        kept = np.linspace(0, curve.size - 1, least).round().astype(int)
        coefficients = {name: values[kept] for name, values in curve.coefficients.items()}
        thinned.append(replace(curve, coefficients=coefficients))
    return thinned


def _places(given: Any, over: str, seen: np.ndarray) -> np.ndarray:
    """What the variant spends: as given, or the ends and the middle of the runs."""
    if given is None:
        ends = seen.min(), np.sqrt(seen.min() * seen.max()), seen.max()
        return np.array(list(dict.fromkeys(ends)), dtype=float)
    values = [given] if isinstance(given, str) or np.ndim(given) == 0 else list(given)
    numbers = np.array([quantity(value, over, place=f"{_PLACE}, at") for value in values])
    bad = not numbers.size or not (np.isfinite(numbers) & (numbers > 0)).all()
    refuse(f"{_PLACE}, at", (bad, f"{over} = {given!r}", "Give positive amounts, such as 1e21"))
    return numbers


def _frame(
    draws: np.ndarray,
    spent: np.ndarray,
    losses: np.ndarray,
    needed: np.ndarray,
    over: str,
    ci_prob: float,
) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for place in range(draws.shape[1]):
        known = draws[~np.isnan(draws[:, place]), place]
        ends = interval(known if known.size else np.array([np.nan]), ci_prob)
        rows.append(
            {
                over: float(np.median(spent[:, place])),
                "loss": float(np.median(losses[:, place])),
                "speedup": float(ends.median),
                "low": float(ends.low),
                "high": float(ends.high),
                "above": float(np.mean(known > 1)) if known.size else np.nan,
                "reached": float(np.isfinite(needed[:, place]).mean()),
            }
        )
    return pd.DataFrame(rows)


def _distance(
    posteriors: Sequence[Posterior], over: str, spent: np.ndarray, needed: np.ndarray
) -> np.ndarray:
    """How far beyond its runs the further of the two lies, at medians."""
    far = [
        extrapolation_factor(posterior.runs, {over: np.median(places, axis=0)})[0]
        for posterior, places in zip(posteriors, (spent, needed), strict=True)
    ]
    return np.asarray(np.maximum(*far))
