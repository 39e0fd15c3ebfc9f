"""Whether draws can be trusted, and how far a question lies from the runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayeslaw import vocabulary
from bayeslaw.geometry import collinear
from bayeslaw.identifiability import informed
from bayeslaw.law import Law
from bayeslaw.notes import Note
from bayeslaw.runs import Reference, Runs

#: A fit is trusted within these limits (Vehtari et al. 2021; Betancourt 2016 for the energy).
LARGEST_RHAT = 1.01
SMALLEST_ESS = 400.0
SMALLEST_BFMI = 0.3
#: A design reaches this far beyond its own extremes before a note is due.
NEARBY = 1.5


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
        """Diagnose draws.

        Parameters
        ----------
        draws : mapping of str to ndarray of shape (chains, draws)
            Quantities.
        stats : mapping of str to ndarray of shape (chains, draws), optional
            The sampler's ``diverging`` and ``energy``.

        Returns
        -------
        Convergence
            A quantity that does not vary at all has R-hat 1 and as many effective draws as draws.
        """
        from arviz_stats.base import array_stats

        axes = {"chain_axis": 0, "draw_axis": 1}
        rhat, bulk, tail = {}, {}, {}
        for name, values in draws.items():
            if np.isfinite(values).all() and np.ptp(values) == 0:
                rhat[name], bulk[name], tail[name] = 1.0, float(values.size), float(values.size)
                continue
            rhat[name] = float(array_stats.rhat(values, **axes))
            bulk[name] = float(array_stats.ess(values, method="bulk", **axes))
            tail[name] = float(array_stats.ess(values, method="tail", prob=(0.055, 0.945), **axes))
        chains = len(next(iter(draws.values()))) if draws else 0
        if stats is None:
            return cls(rhat, bulk, tail, chains=chains)
        bfmi = smallest_bfmi(stats["energy"])
        return cls(rhat, bulk, tail, int(np.sum(stats["diverging"])), bfmi, chains)

    @property
    def trusted(self) -> bool:
        """Whether every limit is kept."""
        return not self.notes()

    def notes(self, what: str = "the fit") -> tuple[Note, ...]:
        """An error for every limit that is not kept.

        Parameters
        ----------
        what : str
            What was diagnosed.

        Returns
        -------
        tuple of Note
            Empty if the draws can be trusted.
        """
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


def smallest_bfmi(energy: np.ndarray) -> float:
    """Energy Bayesian fraction of missing information of the worst chain.

    Parameters
    ----------
    energy : ndarray of shape (chains, iterations)
        Energies of consecutive iterations.

    Returns
    -------
    float
        The smallest.
    """
    from arviz_stats.base import array_stats

    return float(np.min(array_stats.bfmi(energy, chain_axis=0, draw_axis=1)))


def design_notes(runs: Runs, law: Law, reference: Reference) -> tuple[Note, ...]:
    """What a table cannot say about a law, from its design alone.

    Parameters
    ----------
    runs : Runs
        The table.
    law : Law
        The law.
    reference : Reference
        Where its priors are stated.

    Returns
    -------
    tuple of Note
        On constant variables, variables that move together, few runs and embedding conventions.
    """
    found = []
    constant = runs.constant(law.variables)
    known = informed(law, runs, reference)
    only = ", ".join(name for name in law.parameters if name in known.prior_only)
    together = ", ".join(name for name in law.parameters if name in known.confounded)
    if constant or only or together:
        names = ", ".join(name for name in law.variables if name in constant)
        about = (
            f"{names} never varied in {runs.source}: the runs say nothing about its effect, and "
            "optima over it are the prior's"
            if names
            else f"the configurations of {runs.source} leave part of {law.name} to the prior"
        )
        said = [about]
        if only:
            said.append(f"the prior alone informs {only}")
        if together:
            said.append(f"the runs inform only a combination of {together}")
        found.append(
            Note(
                "prior_only",
                "warning",
                "; ".join(said),
                "Add runs that vary it, or state in with_priors(...) what is known otherwise",
            )
        )
    found += collinear(runs, [name for name in law.variables if name not in constant])
    if len(runs) < len(law.parameters):
        found.append(
            Note(
                "few_runs",
                "warning",
                f"{len(runs)} runs for {len(law.parameters)} parameters of {law.name}: the prior "
                "decides part of the answer",
                "Compare prior and posterior intervals in the summary",
            )
        )
    for letter in law.letters.values():
        ours, theirs = runs.embeddings, letter.embeddings
        if {ours, theirs} == {"included", "excluded"}:
            found.append(
                Note(
                    "embeddings",
                    "warning",
                    f"{letter.name} counts parameters with embeddings {theirs} in {law.name}, "
                    f"and {ours} in {runs.source}",
                    "Convert the counts, or read the coefficients in the table's convention",
                )
            )
    return tuple(found)


def beyond(runs: Runs, columns: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """How far configurations lie outside the range of the runs.

    Parameters
    ----------
    runs : Runs
        The table.
    columns : mapping of str to ndarray of shape (configurations,)
        Canonical variables.

    Returns
    -------
    times : ndarray of shape (configurations,)
        The largest factor by which a variable exceeds the largest run or falls below the smallest;
        1 within the range. Of a variable that may be zero, 1 and its distance in ranges.
    names : ndarray of str of shape (configurations,)
        The variable with that factor, empty within the range.
    """
    size = len(np.atleast_1d(next(iter(columns.values()))))
    times, names = np.ones(size), np.full(size, "", dtype=object)
    for name, values in columns.items():
        seen = runs.column(name)
        low, high = seen.min(), seen.max()
        with np.errstate(divide="ignore", invalid="ignore"):
            if vocabulary.variable(name).includes_zero:
                outside = np.maximum(values - high, low - values).clip(min=0.0)
                factor = 1.0 + np.where(outside > 0, outside / (high - low), 0.0)
            else:
                factor = np.maximum(values / high, low / values)
        further = factor > np.maximum(times, 1.0 + 1e-9)
        times = np.where(further, factor, times)
        names[further] = name
    return times, names


def lies(name: str, times: float) -> str:
    """Say how far a configuration lies outside the range of the runs.

    Parameters
    ----------
    name : str
        The variable in which it lies furthest.
    times : float
        By which factor, as ``beyond`` says it; infinite where the runs have a single value.

    Returns
    -------
    str
        The rest of a sentence about the configuration.
    """
    if np.isfinite(times):
        return f"lies {times:.3g} times beyond the runs in {name}"
    return f"differs from every run in {name}, which never varied"
