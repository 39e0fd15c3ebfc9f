"""Whether draws can be trusted, and how far a question lies from the runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayeslaw.core import diagnostics
from bayeslaw.core.notes import Note

#: A fit is trusted within these limits (Vehtari et al. 2021; Betancourt 2016 for the energy).
LARGEST_RHAT = 1.01
SMALLEST_ESS = 400.0
SMALLEST_BFMI = 0.3


@dataclass(frozen=True)
class Convergence:
    """Diagnostics of draws.

    Attributes
    ----------
    rhat, ess_bulk, ess_tail : dict of str to float
        Rank-normalised split R-hat and effective sample sizes, by quantity.
    divergences : int
        Number of divergent transitions.
    bfmi : float
        Smallest energy Bayesian fraction of missing information over the chains.
    chains : int
        Number of chains.
    """

    rhat: dict[str, float]
    ess_bulk: dict[str, float]
    ess_tail: dict[str, float]
    divergences: int = 0
    bfmi: float = np.inf
    chains: int = 4

    @classmethod
    def of(
        cls, draws: Mapping[str, np.ndarray], stats: Mapping[str, np.ndarray] | None = None
    ) -> Convergence:
        """Diagnose draws."""
        rhat, bulk, tail = {}, {}, {}
        for name, values in draws.items():
            if np.isfinite(values).all() and np.ptp(values) == 0:
                rhat[name], bulk[name], tail[name] = 1.0, float(values.size), float(values.size)
                continue
            rhat[name] = diagnostics.rhat(values)
            bulk[name] = diagnostics.ess(values, "bulk")
            tail[name] = diagnostics.ess(values, "tail", (0.055, 0.945))
        chains = len(next(iter(draws.values()))) if draws else 0
        if stats is None:
            return cls(rhat, bulk, tail, chains=chains)
        bfmi = diagnostics.smallest_bfmi(stats["energy"])
        return cls(rhat, bulk, tail, int(np.sum(stats["diverging"])), bfmi, chains)

    @property
    def trusted(self) -> bool:
        """Whether every limit is kept."""
        return not self.notes()

    def notes(self, what: str = "the fit") -> tuple[Note, ...]:
        """An error for every limit that is not kept."""
        found = []
        more = "Draw more (draws=, warmup=), give more runs, or tighter priors"
        # A comparison with NaN is false: whatever is not within the limit is out of it.
        bad = [name for name, value in self.rhat.items() if not value < LARGEST_RHAT]
        if bad and self.chains == 1:
            said = f"one chain has no R-hat, so nothing says whether {what} has converged"
            found.append(Note("rhat", "error", said, "Draw four (chains=4)"))
        elif bad:
            top = max(bad, key=lambda name: self.rhat[name])
            said = f"R-hat of {what} is {self.rhat[top]:.3f} for {top}"
            found.append(
                Note("rhat", "error", f"{said}, above {LARGEST_RHAT} for {', '.join(bad)}", more)
            )
        for kind, sizes in (("bulk", self.ess_bulk), ("tail", self.ess_tail)):
            bad = [name for name, value in sizes.items() if not value > SMALLEST_ESS]
            if bad:
                low = min(bad, key=lambda name: sizes[name])
                said = f"{kind} ESS of {what} is {sizes[low]:.0f} for {low}"
                text = f"{said}, below {SMALLEST_ESS:.0f} for {', '.join(bad)}"
                found.append(Note(f"ess_{kind}", "error", text, more))
        if self.divergences:
            found.append(
                Note(
                    "divergences",
                    "error",
                    f"{self.divergences} divergent transitions: part of the posterior was not seen",
                    "Give more runs or tighter priors, or fix a coefficient that is not identified",
                )
            )
        if not self.bfmi > SMALLEST_BFMI:
            found.append(
                Note("bfmi", "error", f"E-BFMI is {self.bfmi:.2f}, below {SMALLEST_BFMI}", more)
            )
        return tuple(found)
