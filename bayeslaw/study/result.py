"""``Study``: a table's laws, their past, their weights, and answers that include their errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.display import table_html
from bayeslaw.core.intervals import INTERVAL, interval
from bayeslaw.core.notes import Note, cautions, qualifying
from bayeslaw.core.results import Result
from bayeslaw.model.extrapolation import ExtrapolationPrior
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.decide import Decision, decide
from bayeslaw.optimum.optimum import optimum
from bayeslaw.optimum.result import Optimum
from bayeslaw.posterior.mixture import Mixture
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.prediction import Level
from bayeslaw.runs import Runs
from bayeslaw.study.backtest import Block

if TYPE_CHECKING:
    import pandas as pd

# Findings that the summary lists.
_QUALIFIED = 4


@dataclass(frozen=True, eq=False)
class Study(Result):
    """What a table says under every law that suits it, with what laws miss beyond the runs.

    Attributes
    ----------
    runs : Runs
        The table.
    posterior : Mixture or Posterior
        The laws with their weights and errors beyond the runs, for predictions.
    misfit_posterior : Mixture or Posterior
        The same, with a Gaussian process beside each law whose residuals share a misfit; for
        ``optimum``, ``decide``, ``frontier`` and whatever compares configurations.
    weights : dict of str to float
        Of each law.
    past : dict of str to list of Block
        Held-out runs of each law by origin; None where a law could not be fitted.
    prior : ExtrapolationPrior
        How badly laws extrapolate, before the table's own origins.
    optimum : Optimum or None
        The best configuration, if one was asked for.
    predictions : pandas.DataFrame or None
        Of the configurations that were to be predicted, as ``predict`` returns them.
    ci_prob, seed : float, int
        Probability of the intervals; seed of the draws.
    study_notes : tuple of Note
        On laws that are left out or failed, and on missing origins.
    """

    _rows = "answers"
    _drawn = ("study",)
    _shown = ("weight", "median", "low", "high", "status")
    _omitted = ("runs", "posterior", "misfit_posterior", "past", "study_notes")

    runs: Runs = field(repr=False)
    posterior: Mixture | Posterior
    misfit_posterior: Mixture | Posterior = field(repr=False)
    weights: dict[str, float]
    past: dict[str, list[Block | None]] = field(repr=False)
    prior: ExtrapolationPrior = field(repr=False)
    optimum: Optimum | None = None
    predictions: pd.DataFrame | None = field(default=None, repr=False)
    ci_prob: float = INTERVAL
    seed: int = 0
    study_notes: tuple[Note, ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        """Table, laws, answers and the number of notes, briefly."""
        laws = ", ".join(f"{name} {100 * share:.0f}%" for name, share in self.weights.items())
        lines = [f"Study({self.runs.described}: {laws})"]
        if self.optimum is not None:
            lines += [f"  best {n} = {each}" for n, each in self.optimum.quantities.items()]
        return "\n".join([*lines, f"  {self.fared} {len(self.notes)} notes."])

    def _tables(self) -> list[str]:
        """The answers, or the weights of the laws, and the back-tests."""
        past = [] if self.back_test.empty else [table_html(self.back_test)]
        return [*super()._tables(), *past]

    def to_dict(self) -> dict[str, Any]:
        """The study as plain data, without draws.

        Returns
        -------
        dict
            ``summary``, ``answers`` (rows of ``frame``), ``weights``, ``prior``, ``optimum``,
            ``predictions``, ``back_test``, ``ci_prob``, ``seed`` and ``notes``.
        """
        data = super().to_dict()
        prior, past = asdict(self.prior), self.back_test.to_dict("records")
        return {**data, "prior": prior, "back_test": past}

    @property
    def posteriors(self) -> tuple[Posterior, ...]:
        """The fits of the laws, with their errors beyond the runs."""
        source = self.posterior
        return source.posteriors if isinstance(source, Mixture) else (source,)

    @property
    def summary(self) -> str:
        """The answer, the laws, and how such predictions fared within the table."""
        laws = ", ".join(f"{name} {100 * share:.0f}%" for name, share in self.weights.items())
        texts = []
        if self.optimum is not None:
            best = ", ".join(f"{n} = {q}" for n, q in self.optimum.quantities.items())
            texts.append(f"Best {best}, with {100 * self.ci_prob:g}% intervals.")
            texts.append(self._distance)
        texts.append(f"Laws: {laws}.")
        texts.append(self.fared)
        texts.append(self._qualified)
        return " ".join(text for text in texts if text)

    @property
    def _distance(self) -> str:
        """How far beyond the runs the answer lies."""
        assert self.optimum is not None
        factors = self.optimum.extrapolation_factor
        furthest = max(factors, key=lambda name: factors[name], default="")
        if not furthest or factors[furthest] <= 1:
            return "It lies within the ranges of the runs."
        if np.isinf(factors[furthest]):
            return f"It differs from every run in {furthest}, which never varied."
        # Of several laws, that whose optimum lies furthest.
        upto = "up to " if len(self.weights) > 1 else ""
        return f"It lies {upto}{factors[furthest]:.3g} times beyond the runs in {furthest}."

    @property
    def fared(self) -> str:
        """Coverage of the mixture's own past predictions."""
        frame = self.back_test
        if frame.empty:
            return "No origin within the table: the error beyond the runs is the field's alone."
        covered = float(frame["coverage"].mean())
        return (
            f"Short of {len(frame)} origins, {100 * self.ci_prob:g}% intervals with this error "
            f"held {100 * covered:.0f}% of the runs beyond."
        )

    @property
    def _qualified(self) -> str:
        """What qualifies the answer; how far it lies beyond the runs is stated already."""
        found = qualifying(self.notes, without=("extrapolation",))
        more = f"; {len(found) - _QUALIFIED} more in notes" if len(found) > _QUALIFIED else ""
        return f"Qualified by: {'; '.join(found[:_QUALIFIED])}{more}." if found else ""

    @cached_property
    def back_test(self) -> pd.DataFrame:
        """How the averaged laws would have predicted beyond each origin.

        A row an origin: its ``direction``, number of runs ``fitted_to`` and ``held_out``, median
        ``doublings`` beyond, mean ``error`` of log loss (measured less predicted), ``coverage`` of
        the intervals, and their median ``width``.
        """
        import pandas as pd

        rng = np.random.default_rng([self.seed, 2])
        names = ["direction", "fitted_to", "held_out", "doublings", "error", "coverage", "width"]
        rows = [
            row
            for i in range(len(next(iter(self.past.values()))))
            if (row := self._origin(i, rng)) is not None
        ]
        return pd.DataFrame(rows, columns=names)

    def _origin(self, i: int, rng: np.random.Generator, size: int = 4000) -> list[Any] | None:
        """A row of ``back_test``."""
        here = {name: blocks[i] for name, blocks in self.past.items() if blocks[i] is not None}
        if not here:
            return None
        scale = np.concatenate([self._scale(p.law.name) for p in self.posteriors])
        share = np.array([self.weights[name] for name in here])
        counts = rng.multinomial(size, share / share.sum())
        parts = []
        for block, count in zip(here.values(), counts, strict=True):
            assert block is not None
            grown = rng.choice(scale, count)[:, None] * block.doublings**self.prior.power
            total = np.sqrt(block.sd**2 + grown**2)
            spread = total * rng.standard_t(self.prior.degrees, (count, 1))
            # Measured values lie at the error from each law's own prediction.
            parts.append(spread - block.error)
        first = next(block for block in here.values() if block is not None)
        low, median, high = interval(np.concatenate(parts), self.ci_prob)
        inside = (low <= 0) & (high >= 0)
        return [
            first.direction,
            first.fitted_to,
            len(first.rows),
            float(np.median(first.doublings)),
            float(-np.mean(median)),
            float(inside.mean()),
            float(np.median(high - low)),
        ]

    def _scale(self, name: str) -> np.ndarray:
        error = next(p.extrapolation for p in self.posteriors if p.law.name == name)
        assert error is not None
        return error.scale

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The optimum's quantities, or without one the weights of the laws."""
        import pandas as pd

        if self.optimum is not None:
            return self.optimum.to_frame().rename_axis("quantity")
        weights = pd.Series(self.weights, name="weight")
        return weights.rename_axis("law").to_frame()

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """The optimum's or the fits', then the study's own."""
        source = self.posterior if self.optimum is None else self.optimum
        every = (*cautions(source.notes), *self.study_notes)
        return tuple(dict.fromkeys((*every, *source.notes)))

    def best(
        self,
        *,
        at: Mapping[str, float | str] | None = None,
        budget: Budget | None = None,
        free: Iterable[str] | None = None,
    ) -> Optimum:
        """Find the best configuration of another request.

        Parameters
        ----------
        at, budget, free
            As for ``optimum``.

        Returns
        -------
        Optimum
            With law uncertainty and the error beyond the runs.
        """
        return optimum(self.misfit_posterior, at=at, budget=budget, free=free, ci_prob=self.ci_prob)

    def decide(
        self,
        candidates: Runs | pd.DataFrame | Mapping[str, Any],
        *,
        at: Mapping[str, float | str] | None = None,
        budget: Budget | None = None,
    ) -> Decision:
        """Rank configurations, as ``bl.decide`` does.

        Parameters
        ----------
        candidates, at, budget
            As for ``decide``.

        Returns
        -------
        Decision
            With law uncertainty and the error beyond the runs.
        """
        return decide(self.misfit_posterior, candidates, at=at, budget=budget, ci_prob=self.ci_prob)

    def predict(
        self,
        new: Runs | pd.DataFrame | Mapping[str, Any] | None = None,
        *,
        level: Level = "observation",
        **variables: Any,
    ) -> pd.DataFrame:
        """Predict configurations, with law uncertainty and the error beyond the runs.

        Parameters
        ----------
        new : Runs, DataFrame or mapping
            Canonical variables of the laws.
        level : {"law", "run", "observation"}
            As for ``Posterior.predict``; ``law`` is without the error beyond the runs.
        **variables : array_like
            Instead of ``new``, every variable of the laws.

        Returns
        -------
        pandas.DataFrame
            As of ``Posterior.predict``.
        """
        own: dict[str, Any] = {"level": level, "ci_prob": self.ci_prob, "seed": self.seed}
        return self.posterior.predict(new, **own, **variables)
