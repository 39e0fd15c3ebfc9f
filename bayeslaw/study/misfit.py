"""Fits beside a Gaussian process of the laws whose residuals share a misfit, for optima."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayeslaw.core.errors import BayesLawError
from bayeslaw.core.notes import Note
from bayeslaw.inference.fit import fit
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs
from bayeslaw.study.keep import Kept

_MISFIT = frozenset({"shared_misfit", "misfit_along", "beyond_replicates"})
# The matrix of more runs is not factored within a minute.
_MOST_RUNS = 1000


def beside_misfit(
    runs: Runs,
    fits: Mapping[str, Posterior],
    kept: Kept,
    seed: int,
    advance: Callable[[int], None],
) -> tuple[dict[str, Posterior], list[Note]]:
    """Fits of the laws with a misfit, with a Gaussian process for it; notes on where they fail.

    A law that runs contradict bends to them where it can, and that moves its optimum by more than
    its interval. The process takes up what the law cannot.
    """
    found: dict[str, Posterior] = {}
    failed: dict[str, str] = {}
    for name, plain in fits.items():
        if _MISFIT & {note.code for note in plain.notes}:
            if len(runs) > _MOST_RUNS:
                failed[name] = f"{len(runs)} runs are more than {_MOST_RUNS}"
            else:
                outcome = _fitted(runs, plain, kept, seed)
                if isinstance(outcome, Posterior):
                    found[name] = outcome
                else:
                    failed[name] = outcome
        advance(1)
    notes = []
    if found:
        message = (
            f"residuals share a misfit: optima are of {', '.join(found)} beside a Gaussian process "
            "for it, and predictions of the laws alone"
        )
        notes.append(Note("optima_beside_misfit", "info", message))
    notes += [
        Note("misfit_not_fitted", "warning", f"optima of {name} leave its misfit out: {why}")
        for name, why in failed.items()
    ]
    return found, notes


def _fitted(runs: Runs, plain: Posterior, kept: Kept, seed: int) -> Posterior | str:
    """The fit beside a Gaussian process, or why there is none."""

    def beside() -> Posterior:
        return fit(
            runs,
            plain.law,
            method="laplace",
            discrepancy="gp",
            reference=plain.reference,
            chains=2,
            seed=seed,
            progress=False,
        )

    try:
        fitted = kept.posterior(plain.law, seed, beside, kind="gp")
    except BayesLawError as error:
        return error.problem
    errors = [note.message for note in fitted.notes if note.severity == "error"]
    return "; ".join(errors) or fitted
