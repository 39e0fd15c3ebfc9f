"""Misfit along the variables of a table: residuals that bend with one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial.legendre import legvander
from scipy.special import fdtrc

from bayeslaw.core.notes import Note
from bayeslaw.formula import parse_expression
from bayeslaw.law import Law
from bayeslaw.posterior.linearised import OWN, Linearised, orthonormal
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.statistics import normal_scores
from bayeslaw.runs import Runs
from bayeslaw.runs.geometry import on_scale

#: Share of fits with a finding if noise is independent, over all directions together.
FALSE_ALARMS = 0.01
# Bends are polynomials of this degree, or of one less than a variable has levels.
_DEGREE = 5
# At fixed compute, of lower degree, but free to change with compute.
_SWEEP_DEGREE = 3
_FEWEST_DEGREES = 4
# Of more runs, so many are judged: a bend that they do not show is far below the noise.
_LARGEST_TABLE = 20_000
# Shares of a range: of a gap between levels, of the width of a level, and of no variation.
_GAP, _LEVEL, _SAME = 5e-3, 2e-2, 1e-6
# Levels that are reported by themselves; more are reported in parts.
_PARTS = 8
# Parts that a note tells of.
_TOLD = 4
_REMEDY = 'Fit with method="laplace" and discrepancy="gp"; compare other laws'


@dataclass(frozen=True)
class Part:
    """Neighbouring levels of one sign; ``misfit`` is the mean of their runs, in the loss's unit."""

    low: float
    high: float
    runs: int
    misfit: float


@dataclass(frozen=True)
class Along:
    """A direction of the runs, and where runs lie above and below the law along it.

    ``p_value``: chance that residuals bend as clearly along any of the directions if noise is
    independent.
    """

    name: str
    p_value: float
    parts: tuple[Part, ...]

    @property
    def largest(self) -> Part:
        """The part of the largest misfit."""
        return max(self.parts, key=lambda part: abs(part.misfit))

    @property
    def text(self) -> str:
        """The largest parts, in the order of the variable."""
        large = sorted(self.parts, key=lambda part: -abs(part.misfit))[:_TOLD]
        words = []
        for part in sorted(large, key=lambda part: part.low):
            side = "above" if part.misfit > 0 else "below"
            low, high = f"{part.low:.3g}", f"{part.high:.3g}"
            where = low if low == high else f"{low} to {high}"
            words.append(f"{abs(part.misfit):.2g} {side} at {where}")
        return ", ".join(words)


def look_along(posterior: Posterior, linear: Linearised | None = None) -> tuple[Along, ...]:
    """Test every direction of the runs for bends, the clearest first; none with a discrepancy.

    Normal scores of residuals are regressed on polynomials along the direction, after both lost
    what the law's parameters can take up. Under independent noise the ratio of their mean squares
    follows the F distribution. ``linear`` is what ``judged`` returns, where it is known.
    """
    runs, linear = judged_runs(posterior.runs), linear or judged(posterior)
    if linear is None:
        return ()
    taken, count = linear.taken, len(linear.value)
    scores = _left(normal_scores(linear.residuals), taken)
    found = []
    for name, values, block in _directions(posterior.law, runs):
        bends, _ = np.linalg.qr(block - block.mean(axis=0))
        own = orthonormal(_left(bends, taken), OWN)
        bent, free = own.shape[1], count - taken.shape[1] - own.shape[1]
        if not bent or free < _FEWEST_DEGREES:
            continue
        explained = float(((own.T @ scores) ** 2).sum())
        rest = max(float(scores @ scores) - explained, 1e-300)
        p_value = float(fdtrc(bent, free, explained / bent / (rest / free)))
        found.append(Along(name, p_value, _parts(values, linear.residuals * linear.value)))
    every = [replace(one, p_value=min(1.0, one.p_value * len(found))) for one in found]
    return tuple(sorted(every, key=lambda along: along.p_value))


def along_notes(posterior: Posterior, found: Sequence[Along]) -> tuple[Note, ...]:
    """A note on the clearest bend, which names the others."""
    clear = [along for along in found if along.p_value <= FALSE_ALARMS]
    if not clear:
        return ()
    first, *others = clear
    law, runs = posterior.law, posterior.runs
    unit = f" ({runs.loss_unit})" if law.predicts == "loss" else ""
    message = (
        f"residuals bend along {first.name} as {law.name} cannot (p = {first.p_value:.1g} under "
        f"independent noise, {len(found)} directions together): mean {law.predicts}{unit} "
        f"{first.text}"
    )
    if others:
        message += f"; also along {', '.join(along.name for along in others)}"
    message += ". An optimum along it may be wrong by more than its interval"
    return (Note("misfit_along", "warning", message, _REMEDY, about=first.name),)


def _left(values: np.ndarray, taken: np.ndarray) -> np.ndarray:
    return np.asarray(values - taken @ (taken.T @ values))


def judged(posterior: Posterior) -> Linearised | None:
    """The fit at the runs that are judged, unless a discrepancy takes the misfit up."""
    if posterior.discrepancy is not None:
        return None
    return Linearised.of(posterior, judged_runs(posterior.runs))


def judged_runs(runs: Runs) -> Runs:
    """Some of the runs, if there are very many."""
    if len(runs) <= _LARGEST_TABLE:
        return runs
    mask = np.zeros(len(runs), dtype=bool)
    mask[np.random.default_rng(0).choice(len(runs), _LARGEST_TABLE, replace=False)] = True
    return runs.select(mask)


def _directions(law: Law, runs: Runs) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, values and polynomials of each direction in which the runs vary."""
    constant = runs.constant(law.variables)
    varied = [name for name in law.variables if name not in constant]
    columns = runs.columns(law.variables)
    for name in varied:
        yield name, columns[name], _bends(on_scale(name, columns[name]), _DEGREE)
    for text in law.optimum.report:
        expression = parse_expression(text)
        if len(expression.names & set(varied)) > 1:
            values = np.asarray(expression(columns), dtype=float)
            if (values > 0).all() and np.ptp(values) > _SAME * values.max():
                yield text, values, _bends(np.log(values), _DEGREE)
    cost = None if law.cost is None else law.cost.expression
    size = "N_a" if "N_a" in varied else "N"
    # A cost may name variables that the law itself does not read.
    known = cost is not None and cost.names <= set(law.variables)
    if cost is not None and known and {size, "D"} <= cost.names & set(varied):
        compute = np.log(cost(columns))
        across = np.stack([np.ones(len(runs)), compute - compute.mean()], axis=1)
        logs = np.log(columns[size])
        along = logs - across @ np.linalg.lstsq(across, logs, rcond=None)[0]
        if np.ptp(along) > _SAME and np.ptp(compute) > _SAME:
            bends = _bends(along, _SWEEP_DEGREE)
            both = np.hstack([bends, bends[:, :2] * across[:, 1:]])
            yield f"{size} at fixed FLOPs (1 is the mean)", np.exp(along), both


def _bends(x: np.ndarray, degree: int) -> np.ndarray:
    """Legendre polynomials over the range of a variable, without the constant."""
    scaled = 2 * (x - x.min()) / np.ptp(x) - 1
    return legvander(scaled, min(degree, len(_levels(x)) - 1))[:, 1:]


def _levels(x: np.ndarray) -> list[np.ndarray]:
    """Rows of each level, in order; rows one by one where values are spread out."""
    order = np.argsort(x, kind="stable")
    span = np.ptp(x)
    levels = np.split(order, np.flatnonzero(np.diff(x[order]) > _GAP * span) + 1)
    if any(np.ptp(x[rows]) > _LEVEL * span for rows in levels):
        return list(order[:, None])
    return levels


def _parts(values: np.ndarray, misfit: np.ndarray) -> tuple[Part, ...]:
    """Mean misfit by level, or by part where levels are many; neighbours of one sign together."""
    pieces = _levels(np.log(values) if (values > 0).all() else values)
    if len(pieces) > _PARTS:
        pieces = np.array_split(np.concatenate(pieces), _PARTS)
    signs = np.sign([misfit[piece].mean() for piece in pieces])
    joined = np.split(np.arange(len(pieces)), np.flatnonzero(np.diff(signs)) + 1)
    together = [np.concatenate([pieces[i] for i in part]) for part in joined]
    return tuple(
        Part(values[rows].min(), values[rows].max(), len(rows), float(misfit[rows].mean()))
        for rows in together
    )
