"""Whether draws can be trusted, and how far a question lies from the runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bayeslaw.core import diagnostics
from bayeslaw.core.errors import some_of
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note

#: A fit is trusted within these limits (Vehtari et al. 2021; Betancourt 2016 for the energy).
LARGEST_RHAT = 1.01
SMALLEST_ESS = 400.0
SMALLEST_BFMI = 0.3
# Effective draws vary by some tenths between attempts.
_SPARE = 1.25
# Ends of the usual interval, rounded since the effective sample size is of a decimal quantile.
_TAILS = (round((1 - INTERVAL) / 2, 12), round((1 + INTERVAL) / 2, 12))


@dataclass(frozen=True)
class Convergence:
    """Diagnostics of draws.

    Attributes
    ----------
    rhat, ess_bulk, ess_tail : dict of str to float
        Rank-normalised split R-hat and effective sample sizes, by quantity.
    divergences, chains : int
        Number of divergent transitions, and of chains.
    bfmi : float
        Smallest energy Bayesian fraction of missing information over the chains.
    """

    rhat: dict[str, float]
    ess_bulk: dict[str, float]
    ess_tail: dict[str, float]
    divergences: int = 0
    bfmi: float = np.inf
    chains: int = 4

    @classmethod
    def of(
        cls,
        draws: Mapping[str, np.ndarray],
        stats: Mapping[str, np.ndarray] | None = None,
        bfmi: float | None = None,
    ) -> Convergence:
        """Diagnose draws, each of shape (chains, draws).

        ``bfmi`` is the sampler's own, from all iterations, where draws are thinned.
        """
        rhat, bulk, tail = {}, {}, {}
        for name, values in draws.items():
            if np.isfinite(values).all() and np.ptp(values) == 0:
                rhat[name], bulk[name], tail[name] = 1.0, float(values.size), float(values.size)
                continue
            rhat[name], bulk[name] = diagnostics.rhat_and_ess(values)
            tail[name] = diagnostics.ess_tail(values, _TAILS)
        chains = len(next(iter(draws.values()))) if draws else 0
        if stats is None:
            return cls(rhat, bulk, tail, chains=chains)
        bfmi = diagnostics.smallest_bfmi(stats["energy"]) if bfmi is None else bfmi
        return cls(rhat, bulk, tail, int(np.sum(stats["diverging"])), bfmi, chains)

    @property
    def trusted(self) -> bool:
        """Whether every diagnostic is within its limit."""
        return not self.notes()

    @property
    def mixed(self) -> bool:
        """Whether chains agree, with effective draws to spare, divergent or not."""
        least = min((*self.ess_bulk.values(), *self.ess_tail.values()), default=np.inf)
        return not replace(self, divergences=0).notes() and least > _SPARE * SMALLEST_ESS

    def notes(self, what: str = "the fit") -> tuple[Note, ...]:
        """An error for every diagnostic that is not within its limit."""
        notes = []
        remedy = "Draw more (draws=, warmup=), add runs, or tighten priors"
        # A comparison with NaN is false: whatever is not within the limit is out of it.
        bad = {name: value for name, value in self.rhat.items() if not value < LARGEST_RHAT}
        if bad and self.chains == 1:
            message = f"one chain has no R-hat: convergence of {what} is not checked"
            notes.append(Note("rhat", "error", message, "Draw four (chains=4)", about=what))
        elif bad:
            top = max(bad, key=lambda name: bad[name])
            message = f"R-hat of {what} is {bad[top]:.3f} for {top}, above {LARGEST_RHAT}"
            notes.append(Note("rhat", "error", f"{message} for {some_of(bad)}", remedy, what))
        for kind, sizes in (("bulk", self.ess_bulk), ("tail", self.ess_tail)):
            bad = {name: value for name, value in sizes.items() if not value > SMALLEST_ESS}
            if bad:
                low = min(bad, key=lambda name: bad[name])
                message = f"{kind} ESS of {what} is {bad[low]:.0f} for {low}, below"
                message = f"{message} {SMALLEST_ESS:.0f} for {some_of(bad)}"
                notes.append(Note(f"ess_{kind}", "error", message, remedy, what))
        if self.divergences:
            message = f"{self.divergences} divergent transitions: draws miss part of the posterior"
            fix = "Add runs, tighten priors, or fix a coefficient that is not identified"
            notes.append(Note("divergences", "error", message, fix))
        if not self.bfmi > SMALLEST_BFMI:
            message = f"E-BFMI is {self.bfmi:.2f}, below {SMALLEST_BFMI}"
            notes.append(Note("bfmi", "error", message, remedy))
        return tuple(notes)
