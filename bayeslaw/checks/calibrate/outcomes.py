"""One round of simulations: tables fitted, and each truth placed among the draws."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from bayeslaw.checks.calibrate.quantities import Quantities
from bayeslaw.checks.calibrate.truths import log_value
from bayeslaw.core.compilation import compiled
from bayeslaw.core.errors import PosteriorError
from bayeslaw.core.files import whole_file
from bayeslaw.core.intervals import interval
from bayeslaw.posterior.convergence import SMALLEST_ESS
from bayeslaw.posterior.posterior import Posterior

#: Probabilities of the intervals that are looked at.
PROBABILITIES = (0.5, 0.89, 0.95)
#: A fit is trusted only if its effective sample sizes are larger than this, so that this many of
#: its draws, evenly spaced, are nearly independent.
KEPT = int(SMALLEST_ESS) - 1
LIKELIHOOD = "log likelihood"


@dataclass(frozen=True)
class Outcomes:
    """What came of simulations.

    Attributes
    ----------
    names : tuple of str
        Quantities.
    truth, place, median : ndarray of shape (tables, quantities)
        The true value; the probability that the fit gave to less, uniform where intervals are
        right; the fit's median. NaN where there is no fit.
    width : ndarray of shape (tables, quantities, probabilities)
        Widths of the intervals.
    reasons : tuple of str
        For each table why it does not count, empty if it does.
    attempts : tuple of int
        How often draws were taken; 0 without a fit.
    """

    names: tuple[str, ...]
    truth: np.ndarray
    place: np.ndarray
    median: np.ndarray
    width: np.ndarray
    reasons: tuple[str, ...]
    attempts: tuple[int, ...]

    @classmethod
    def joined(cls, parts: Sequence[Outcomes]) -> Outcomes:
        """Several rounds as one."""
        return cls(
            names=parts[0].names,
            truth=np.concatenate([part.truth for part in parts]),
            place=np.concatenate([part.place for part in parts]),
            median=np.concatenate([part.median for part in parts]),
            width=np.concatenate([part.width for part in parts]),
            reasons=tuple(reason for part in parts for reason in part.reasons),
            attempts=tuple(attempts for part in parts for attempts in part.attempts),
        )

    def write(self, path: Path) -> None:
        """Keep them in a file."""
        about = json.dumps([list(self.names), list(self.reasons), list(self.attempts)])
        with whole_file(path) as partial, partial.open("wb") as file:
            np.savez(
                file,
                about=np.array(about),
                truth=self.truth,
                place=self.place,
                median=self.median,
                width=self.width,
            )

    @classmethod
    def read(cls, path: Path) -> Outcomes:
        """Read what was kept."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                names, reasons, attempts = json.loads(str(kept["about"]))
                arrays = {name: kept[name] for name in ("truth", "place", "median", "width")}
            return cls(tuple(names), **arrays, reasons=tuple(reasons), attempts=tuple(attempts))
        except (
            OSError,
            ValueError,
            KeyError,
            EOFError,
            TypeError,
            BadZipFile,
            zlib.error,
        ) as error:
            raise PosteriorError(
                f"a kept round of simulations cannot be read ({error})",
                place=path.name,
                remedy="Remove that file",
            ) from None


def outcomes(
    truths: Sequence[Mapping[str, float]],
    posteriors: Sequence[Posterior | str],
    quantities: Quantities,
    rngs: Sequence[np.random.Generator],
) -> Outcomes:
    """Place truths among the draws of their fits."""
    law = quantities.law
    # One search for the optima of all truths and all fits.
    columns = {name: [np.array([truth[name] for truth in truths])] for name in law.parameters}
    kept: list[dict[str, np.ndarray]] = []
    for one in posteriors:
        if isinstance(one, str):
            kept.append({})
            continue
        size = one.draws["noise_scale"].size
        some = np.linspace(0, size - 1, min(KEPT, size)).round().astype(int)
        draws = {name: values.ravel()[some] for name, values in one.draws.items()}
        kept.append(draws)
        for name, parts in columns.items():
            parts.append(draws[name])
    together = quantities.of({name: np.concatenate(parts) for name, parts in columns.items()})
    names = (*together, *truths[0], LIKELIHOOD)
    found = [np.full((len(truths), len(names)), np.nan) for _ in range(3)]
    truth_of, place, median = found
    width = np.full((len(truths), len(names), len(PROBABILITIES)), np.nan)
    after = len(truths)
    for i, (one, draws, truth) in enumerate(zip(posteriors, kept, truths, strict=True)):
        true = {**truth, **{name: float(values[i]) for name, values in together.items()}}
        if not draws or isinstance(one, str):
            continue
        size = len(next(iter(draws.values())))
        asked = {name: values[after : after + size] for name, values in together.items()}
        after += size
        if set(one.noise.priors) <= set(truth) and one.discrepancy is None:
            true[LIKELIHOOD], *rest = _likelihood(one, truth, draws)
            asked[LIKELIHOOD] = np.array(rest)
        for j, name in enumerate(names):
            if name in true:
                values = asked[name] if name in asked else draws[name]
                truth_of[i, j] = true[name]
                place[i, j] = _place(values, true[name], rngs[i])
                for p, probability in enumerate(PROBABILITIES):
                    low, median[i, j], high = interval(values, probability)
                    width[i, j, p] = high - low if high > low else 0.0
    reasons = tuple(one if isinstance(one, str) else reason(one) for one in posteriors)
    attempts = tuple(0 if isinstance(one, str) else one.info.attempts for one in posteriors)
    return Outcomes(names, truth_of, place, median, width, reasons, attempts)


def _place(draws: np.ndarray, true: float, rng: np.random.Generator) -> float:
    """Probability that draws give to less than the truth; ties and the rank's own step at random.

    Of independent draws and a truth from one distribution it is exactly uniform, however many the
    draws and whatever is equal (optima at a bound, or without end).
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
    with compiled():
        density = posterior.noise.distribution(centre, noise).log_prob(
            np.log(runs.column(law.predicts))
        )
        return np.asarray(density).sum(axis=1)


def reason(posterior: Posterior) -> str:
    """Why a fit does not count."""
    codes = (note.code for note in posterior.notes if note.severity == "error")
    return " + ".join(dict.fromkeys(codes))
