"""``compare``: laws on the same runs, by out-of-sample ELPD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bayeslaw.comparison.bayes_factors import bayes_factors
from bayeslaw.comparison.candidates import Candidates, LawLike, read_candidates
from bayeslaw.comparison.extrapolation import CUTS, HeldOut, Leave, plan_held_out
from bayeslaw.comparison.notes import comparison_notes
from bayeslaw.comparison.ranking import LawScores, rank, score_law
from bayeslaw.comparison.result import Comparison
from bayeslaw.core.batches import compute_batches
from bayeslaw.core.calls import public
from bayeslaw.core.errors import PosteriorError, refuse
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.inference.fit import fit
from bayeslaw.inference.progress import bar
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import ReferenceRun, Runs
from bayeslaw.runs.read import as_runs

if TYPE_CHECKING:
    import pandas as pd


@public
def compare(
    runs: Runs | pd.DataFrame | str | Path,
    laws: Sequence[LawLike] | Mapping[str, LawLike],
    *,
    method: Literal["nuts", "laplace"] = "nuts",
    noise: str = "student_t",
    reference: ReferenceRun | None = None,
    leave: Leave | None = None,
    over: str | None = None,
    cuts: Sequence[float] = CUTS,
    skip_incompatible: bool = False,
    force: bool = False,
    evidence: bool = False,
    seed: int = 0,
    chains: int = 4,
    draws: int = 1000,
    warmup: int = 400,
    ci_prob: float = INTERVAL,
    executor: Executor | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Compare laws by out-of-sample ELPD, in interpolation and extrapolation.

    All laws have the same rows, loss scale and noise model. Fits to all runs are by ``method``,
    refits by ``method="laplace"`` if its diagnostics pass.

    Parameters
    ----------
    runs, laws : Runs, DataFrame, str or Path; sequence or mapping
        The table as for ``fit``, with the variables of every law; two or more laws: names, paths of
        cards, formulas, or ``Law`` objects; a mapping labels them.
    method, noise, reference, seed, chains, draws, warmup, progress
        As for ``fit``, the same for all laws.
    leave : {"run", "group"}, optional
        Unit of cross-validation; by default groups if the runs have some (``group=`` of
        ``read_runs``), by refits in at most ten folds, with leave-one-out as interpolation.
        Leave-one-out is by importance sampling, or by refits where Pareto k is large.
    over, cuts : str, optional, and sequence of float
        Variable that orders runs by size, by default their compute, and the shares of its largest
        levels to hold out: each law is fitted to the smaller runs, with their reference run.
    skip_incompatible, force : bool
        Omit laws whose variables the table lacks, with a note; include fits that cannot be
        trusted, and mark them. Both are errors by default.
    evidence : bool
        Add Bayes factors, with their range under other widths of the priors.
    ci_prob : float
        Probability of the predictive intervals whose coverage is reported.
    executor : concurrent.futures.Executor, optional
        Takes the laws, each with all of its fits and refits; as for ``fit_many``.

    Returns
    -------
    Comparison
        The laws, the best first. Standard errors are rough below about 100 runs or 10 groups.

    Raises
    ------
    RequestError, TableError, PosteriorError
        If laws, options or table do not fit each other, or a fit cannot be trusted.
    """
    refuse("compare", (not 0 < ci_prob < 1, f"ci_prob = {ci_prob!r}", "Between 0 and 1"))
    runs = as_runs(runs)
    candidates = read_candidates(runs, laws, reference, skip_incompatible=skip_incompatible)
    held_out = plan_held_out(candidates, leave, over, cuts)
    options = {"seed": seed, "chains": chains, "draws": draws, "warmup": warmup}
    how = {"method": method, "noise": noise, "progress": False, **options}
    count = len(candidates.laws)
    with bar(progress, 2 * count, f"comparing {count} laws") as report:
        if executor is None:
            fits, scores = dict[str, Posterior](), dict[str, LawScores]()
            for label in candidates.laws:
                fits[label] = _fit(candidates, label, force, how)
                report(len(fits))
            for label in fits:
                scores[label] = score_law(fits[label], held_out, ci_prob, False)
                report(count + len(scores))
        else:
            scores = _elsewhere(executor, candidates, held_out, force, how, ci_prob)
            fits = {label: each.posterior for label, each in scores.items()}
    columns, evidence_notes = bayes_factors(fits, seed, progress) if evidence else (None, [])
    frame, extrapolation = rank(scores, held_out, columns)
    notes = comparison_notes(candidates.runs, scores, frame, extrapolation, held_out)
    ranked = {label: scores[label] for label in map(str, frame.index)}
    return Comparison(
        frame=frame,
        posteriors={label: each.posterior for label, each in ranked.items()},
        pointwise={label: each.left_out.log_density for label, each in ranked.items()},
        pareto_k={label: each.single.pareto_k for label, each in ranked.items()},
        extrapolation=extrapolation,
        held_out={label: each.cut_densities for label, each in ranked.items()},
        leave=held_out.leave,
        over=held_out.ordered_by,
        ci_prob=ci_prob,
        predicts=next(iter(candidates.laws.values())).predicts,
        notes=(*candidates.notes, *held_out.notes, *notes, *evidence_notes),
    )


def _elsewhere(
    executor: Executor,
    candidates: Candidates,
    held_out: HeldOut,
    force: bool,
    how: dict[str, Any],
    ci_prob: float,
) -> dict[str, LawScores]:
    """Fits and scores of all laws, each computed by a worker."""
    scores: dict[str, LawScores] = {}
    batches = {
        label: partial(
            _fit_and_score,
            replace(candidates, laws={label: law}),
            label,
            held_out,
            force,
            how,
            ci_prob,
        )
        for label, law in candidates.laws.items()
    }
    remedy = "Give an executor whose workers live, or none"
    compute_batches(batches, executor, scores.__setitem__, place="compare", remedy=remedy)
    return {label: scores[label] for label in candidates.laws}


def _fit_and_score(
    candidates: Candidates,
    label: str,
    held_out: HeldOut,
    force: bool,
    how: dict[str, Any],
    ci_prob: float,
) -> LawScores:
    """What a worker does with a law."""
    posterior = _fit(candidates, label, force, {**how, "progress": False})
    scores = score_law(posterior, held_out, ci_prob, progress=False)
    # Without what was derived from its draws, which need not be sent.
    return replace(scores, posterior=replace(posterior))


def _fit(candidates: Candidates, label: str, force: bool, how: dict[str, Any]) -> Posterior:
    """Fit one law to all runs; reject a fit that cannot be trusted."""
    law = candidates.laws[label]
    posterior = fit(candidates.runs, law, reference=candidates.reference_of(law), **how)
    errors = [note for note in posterior.notes if note.severity == "error"]
    if errors and not force:
        reasons = "; ".join(note.message for note in errors)
        remedy = f"{errors[0].remedy}. Or omit that law, or give force=True (--force)"
        problem = f"the fit of {label!r} cannot be trusted: {reasons}"
        raise PosteriorError(problem, place="compare", remedy=remedy)
    return posterior
