"""Structural identifiability of coefficients from the configurations of a table.

The law is differentiated by the quantities that have priors, at a few typical points. A coefficient
without effect on the runs is identified by the prior only; coefficients with linearly dependent
effects are identified only in combination.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayeslaw.core import vocabulary
from bayeslaw.law import Law
from bayeslaw.runs import ReferenceRun, Runs

# Effect on log prediction of one prior standard deviation that counts as none.
_NO_EFFECT = 1e-9
# Singular value of unit columns that counts as zero; finite differences have errors of 1e-10.
_DEPENDENT = 1e-7
# Smallest squared loading of a coefficient in a dependence.
_SHARE = 1e-3
_POINTS, _SPREAD, _STEP = 3, 0.5, 1e-2
_ROWS = 200


@dataclass(frozen=True)
class Informed:
    """Parameters without effect on the runs, and those identified only in combination."""

    prior_only: frozenset[str]
    confounded: frozenset[str]


def informed(law: Law, runs: Runs, reference: ReferenceRun) -> Informed:
    """Determine which coefficients the runs identify."""
    letters = _letters(law, runs)
    rng = np.random.default_rng(0)
    names = list(law.parameters)
    silent: list[set[str]] = []
    dependent: list[set[str]] = []
    for _ in range(_POINTS):
        slopes = effects(law, letters, reference, _SPREAD * rng.standard_normal(len(names)))
        if slopes is None:
            continue
        lengths = np.sqrt((slopes**2).mean(axis=0))
        heard = np.flatnonzero(lengths >= _NO_EFFECT)
        columns = slopes[:, heard] / lengths[heard] / np.sqrt(len(slopes))
        _, values, rows = np.linalg.svd(columns, full_matrices=False)
        shares = (rows[values < _DEPENDENT] ** 2).sum(axis=0)
        silent.append(set(names) - {names[i] for i in heard})
        dependent.append({names[i] for i in heard[shares > _SHARE]})
    # At one point an effect may vanish (such as a zero exponent): require it at all points.
    return Informed(_common(silent), _common(dependent))


def _common(sets: list[set[str]]) -> frozenset[str]:
    return frozenset(set.intersection(*sets)) if sets else frozenset()


def _letters(law: Law, runs: Runs) -> dict[str, np.ndarray]:
    """Configurations in the paper's letters; with random ones of the same ranges if few."""
    letters = law.form.in_letters(runs.columns(law.variables))
    rows = np.unique(np.stack(list(letters.values())), axis=1)
    if rows.shape[1] < 3 * len(law.parameters):
        rng = np.random.default_rng(0)
        drawn = []
        for name, row in zip(letters, rows, strict=True):
            low, high = row.min(), row.max()
            share = rng.uniform(0, 1, _ROWS)
            straight = low <= 0 or vocabulary.variable(law.letters[name].is_.text).includes_zero
            steps = low + (high - low) * share if straight else low * (high / low) ** share
            drawn.append(steps if high > low * (1 + 1e-9) else np.full(_ROWS, low))
        rows = np.stack(drawn)
    elif rows.shape[1] > _ROWS:
        rows = rows[:, np.random.default_rng(0).choice(rows.shape[1], _ROWS, replace=False)]
    return dict(zip(letters, rows, strict=True))


def effects(
    law: Law, letters: dict[str, np.ndarray], reference: ReferenceRun, at: np.ndarray
) -> np.ndarray | None:
    """Derivatives of the prediction over its scale, in standard deviations of each prior."""
    # All points at once: four steps along each parameter.
    steps = _STEP * np.array([1.0, -1.0, 2.0, -2.0])
    moved = at + np.concatenate([step * np.eye(len(at)) for step in steps])
    on = {}
    for (name, entry), values in zip(law.parameters.items(), moved.T, strict=True):
        on[name] = entry.prior.from_standard(values[:, None])
    size = len(next(iter(letters.values())))
    with np.errstate(all="ignore"):
        raw = law.form.to_raw(on, reference.at, reference.loss)
        scope = law.formula.scope({**letters, **raw})
        values = np.broadcast_to(scope[law.formula.result], (len(moved), size)) / reference.loss
        near, back, far, far_back = values.reshape(4, len(at), size)
        effects = (8 * (near - back) - (far - far_back)) / (12 * _STEP)
    return effects.T if np.isfinite(effects).all() else None
