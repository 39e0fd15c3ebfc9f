"""Outcomes of simulations: each truth placed among the draws of its fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from bayeslaw.checks.calibrate.quantities import Quantities
from bayeslaw.checks.calibrate.simulation import Simulated, log_value
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.core.kept import read_npz, write_npz
from bayeslaw.posterior.convergence import SMALLEST_ESS
from bayeslaw.posterior.outliers import ABOUT_TABLES
from bayeslaw.posterior.posterior import Posterior

#: Probabilities of the intervals that are looked at.
PROBABILITIES = (0.5, INTERVAL, 0.95)
#: A fit is trusted only if its effective sample sizes are larger than this, so that this many of
#: its draws, evenly spaced, are nearly independent.
KEPT = int(SMALLEST_ESS) - 1
LIKELIHOOD = "log likelihood"
_ARRAYS = ("truth", "pit", "median", "width")


@dataclass(frozen=True)
class Outcomes:
    """Truths and fits of simulated tables.

    Attributes
    ----------
    names : tuple of str
        Quantities.
    truth, pit, median : ndarray of shape (tables, quantities)
        The true value; its probability integral transform, the posterior probability of less,
        uniform where intervals are right; the fit's median. NaN where there is no fit.
    width : ndarray of shape (tables, quantities, probabilities)
        Widths of the intervals.
    reasons : tuple of str
        For each table why it does not count, empty if it does.
    attempts : tuple of int
        How often draws were taken; 0 without a fit.
    """

    names: tuple[str, ...]
    truth: np.ndarray
    pit: np.ndarray
    median: np.ndarray
    width: np.ndarray
    reasons: tuple[str, ...]
    attempts: tuple[int, ...]

    @classmethod
    def joined(cls, parts: Sequence[Outcomes]) -> Outcomes:
        """Several rounds as one."""
        return cls(
            names=parts[0].names,
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS},
            reasons=tuple(chain.from_iterable(part.reasons for part in parts)),
            attempts=tuple(chain.from_iterable(part.attempts for part in parts)),
        )

    def write(self, path: Path) -> None:
        """Keep them in a file."""
        about = [list(self.names), list(self.reasons), list(self.attempts)]
        write_npz(path, about, {name: getattr(self, name) for name in _ARRAYS})

    @classmethod
    def read(cls, path: Path) -> Outcomes:
        """Read what ``write`` wrote."""
        (names, reasons, attempts), arrays = read_npz(path, "a kept round of simulations")
        return cls(tuple(names), **arrays, reasons=tuple(reasons), attempts=tuple(attempts))


def outcomes(
    tables: Sequence[Simulated], fits: Sequence[Posterior | None], quantities: Quantities
) -> Outcomes:
    """Place truths among the draws of their fits; None where a table was not fitted."""
    parameters, truths = quantities.law.parameters, [table.truth for table in tables]
    kept = [{} if fit is None else _spaced(fit) for fit in fits]
    # One search for the optima of all truths and all fits.
    stacked = {
        name: np.concatenate([[truth[name] for truth in truths], *(d[name] for d in kept if d)])
        for name in parameters
    }
    together = quantities.of(stacked)
    names = (*together, *truths[0], LIKELIHOOD)
    shape = (len(tables), len(names))
    arrays = {name: np.full(shape, np.nan) for name in ("truth", "pit", "median")}
    width = np.full((*shape, len(PROBABILITIES)), np.nan)
    after = len(tables)
    for i, (fit, draws, table) in enumerate(zip(fits, kept, tables, strict=True)):
        if fit is None:
            continue
        size = len(next(iter(draws.values())))
        true = {**table.truth, **{name: float(values[i]) for name, values in together.items()}}
        drawn = {**draws, **{name: v[after : after + size] for name, v in together.items()}}
        after += size
        if set(fit.noise.priors) <= set(table.truth) and fit.discrepancy is None:
            true[LIKELIHOOD], *rest = _likelihood(fit, table.truth, draws)
            drawn[LIKELIHOOD] = np.array(rest)
        for j, name in enumerate(names):
            if name not in true:
                continue
            arrays["truth"][i, j] = true[name]
            arrays["pit"][i, j] = randomised_pit(drawn[name], true[name], table.rng)
            for p, probability in enumerate(PROBABILITIES):
                low, arrays["median"][i, j], high = interval(drawn[name], probability)
                width[i, j, p] = high - low if high > low else 0.0
    reasons = tuple("losses" if fit is None else _errors(fit) for fit in fits)
    attempts = tuple(0 if fit is None else fit.info.attempts for fit in fits)
    return Outcomes(names, **arrays, width=width, reasons=reasons, attempts=attempts)


def _spaced(posterior: Posterior) -> dict[str, np.ndarray]:
    """Draws so far apart that they are nearly independent."""
    size = posterior.draws["noise_scale"].size
    some = np.linspace(0, size - 1, min(KEPT, size)).round().astype(int)
    return {name: values.ravel()[some] for name, values in posterior.draws.items()}


def randomised_pit(draws: np.ndarray, true: float, rng: np.random.Generator) -> float:
    """Probability of less than the truth; ties and the step of its rank at random.

    Of independent draws and a truth from one distribution it is exactly uniform, whatever the
    number of draws and of ties (optima at a bound, or at infinity).
    """
    less, equal = np.count_nonzero(draws < true), np.count_nonzero(draws == true)
    return float((less + rng.random() * (equal + 1)) / (len(draws) + 1))


def _likelihood(
    posterior: Posterior, truth: Mapping[str, float], draws: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Log likelihood of the whole table at the truth, then at the draws."""
    law, runs = posterior.law, posterior.runs
    names = [*law.parameters, *posterior.noise.priors]
    values = {name: np.append(truth[name], draws[name])[:, None] for name in names}
    with np.errstate(all="ignore"):
        columns = {name: column[None, :] for name, column in runs.columns(law.variables).items()}
        centre = log_value(law, columns, values, posterior.reference.loss)
    noise = {name: values[name] for name in posterior.noise.priors}
    measured = np.log(runs.column(law.predicts))
    return posterior.noise.log_density(measured, centre, noise).sum(axis=1)


def _errors(posterior: Posterior) -> str:
    """Why a fit does not count."""
    codes = (note.code for note in posterior.notes if note.severity == "error")
    # Leaving tables out for their losses would select among truths.
    return " + ".join(code for code in dict.fromkeys(codes) if code not in ABOUT_TABLES)
