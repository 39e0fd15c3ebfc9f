"""``compare``: laws on the same runs, by how they predict runs that they were not fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bayeslaw.comparison.bayes_factors import bayes_factors
from bayeslaw.comparison.candidates import LawLike, read_candidates
from bayeslaw.comparison.extrapolation import CUTS
from bayeslaw.comparison.held_out import Leave, plan_held_out
from bayeslaw.comparison.notes import comparison_notes
from bayeslaw.comparison.ranking import LawScores, rank, score_law
from bayeslaw.comparison.result import Comparison
from bayeslaw.core.errors import PosteriorError, RequestError, TableError
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.inference.fit import fit
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Reference, Runs

#: With fewer runs none can be left out.
LEAST_RUNS = 3


def compare(
    runs: Runs,
    laws: Sequence[LawLike] | Mapping[str, LawLike],
    *,
    noise: str = "student_t",
    reference: Reference | None = None,
    leave: Leave | None = None,
    over: str | None = None,
    cuts: Sequence[float] = CUTS,
    skip_unfit: bool = False,
    force: bool = False,
    evidence: bool = False,
    seed: int = 0,
    chains: int = 4,
    draws: int = 1000,
    warmup: int = 400,
    ci_prob: float = INTERVAL,
    progress: bool | None = None,
) -> Comparison:
    """Compare laws by how they predict runs left out: within the table, and beyond it.

    All laws see the same rows, loss scale and noise model. Fits to all runs are by NUTS. Fits
    without some runs are normal approximations at the mode with importance weights, or NUTS with at
    most 500 draws a chain where that approximation fails its own check.

    Parameters
    ----------
    runs : Runs
        The table, with the variables of every law.
    laws : sequence or mapping
        Two or more laws: names, paths of cards, or ``Law`` objects; a mapping labels them.
    noise, reference, seed, chains, draws, warmup, progress
        As for ``fit``, the same for all laws.
    leave : {"run", "group"}, optional
        What is left out at a time; by default the group where the runs were read with ``group=``,
        and single runs are then reported beside it, as interpolation. Single runs are left out by
        importance sampling, or by fits without them where Pareto k is large; groups always by fits,
        in ten folds where there are more than ten.
    over : str, optional
        Variable or expression that orders runs by size; by default the table's own compute, else
        ``6*N_a*D`` or ``6*N*D``.
    cuts : sequence of float
        Shares of its levels that are held out, the largest first: each law is fitted to the rest,
        priors stated at the rest's typical run. Empty for no extrapolation.
    skip_unfit, force : bool
        Leave out laws that need what the table lacks, with a note; compare fits that cannot be
        trusted too, and mark them. Both are errors by default.
    evidence : bool
        Add Bayes factors to the law of the highest evidence. They depend on every prior: laws that
        do not share theirs, as those made by ``constrain`` of one another do, are fitted twice
        again with priors half and twice as wide, and the range is reported.
    ci_prob : float
        Probability of the predictive intervals whose coverage is reported.

    Returns
    -------
    Comparison
        The laws, the best first. Standard errors treat groups as independent of each other, and are
        rough below about 100 runs or 10 groups.

    Raises
    ------
    RequestError, TableError, PosteriorError
        If laws or options do not fit each other or the table; if the table lacks what a law needs,
        or has fewer than three runs; if a fit cannot be trusted.
    """
    _check(runs, ci_prob)
    candidates = read_candidates(runs, laws, reference, skip_unfit=skip_unfit)
    parameters = max(len(law.parameters) for law in candidates.laws.values())
    held_out = plan_held_out(candidates.runs, leave, over, cuts, parameters)
    how: dict[str, Any] = {"noise": noise, "seed": seed, "chains": chains, "draws": draws}
    how |= {"warmup": warmup, "progress": progress}
    fits: dict[str, Posterior] = {}
    for label, law in candidates.laws.items():
        fits[label] = fit(candidates.runs, law, reference=candidates.reference_of(law), **how)
        if not force:
            _require_trusted(label, fits[label])
    scores: dict[str, LawScores] = {
        label: score_law(posterior, held_out, ci_prob, progress)
        for label, posterior in fits.items()
    }
    columns, evidence_notes = bayes_factors(fits, seed, progress) if evidence else ({}, [])
    frame, extrapolation = rank(scores, held_out, columns)
    ranked = {str(label): scores[str(label)] for label in frame.index}
    notes = comparison_notes(candidates.runs, scores, frame, extrapolation, held_out)
    return Comparison(
        frame=frame,
        posteriors={label: each.posterior for label, each in ranked.items()},
        pointwise={label: each.left_out.log_density for label, each in ranked.items()},
        pareto_k={label: each.single.pareto_k for label, each in ranked.items()},
        extrapolation=extrapolation,
        held_out={label: each.cut_densities for label, each in ranked.items()},
        leave=held_out.leave,
        over="" if held_out.over is None else held_out.over.text,
        ci_prob=ci_prob,
        predicts=next(iter(candidates.laws.values())).predicts,
        notes=(*candidates.notes, *held_out.notes, *notes, *evidence_notes),
    )


def _check(runs: Runs, ci_prob: float) -> None:
    if not isinstance(runs, Runs):
        raise RequestError(
            f"a {type(runs).__name__} where runs belong",
            place="compare",
            remedy="bl.read_runs reads tables, DataFrames included",
        )
    if len(runs) < LEAST_RUNS:
        remedy = f"Give {LEAST_RUNS} or more to compare on"
        raise TableError(f"{len(runs)} runs", place=runs.source, remedy=remedy)
    if not 0 < ci_prob < 1:
        raise RequestError(f"ci_prob = {ci_prob!r}", place="compare", remedy="Between 0 and 1")


def _require_trusted(label: str, posterior: Posterior) -> None:
    errors = [note for note in posterior.notes if note.severity == "error"]
    if errors:
        raise PosteriorError(
            f"the fit of {label!r} cannot be trusted: {'; '.join(note.message for note in errors)}",
            place="compare",
            remedy=f"{errors[0].remedy}. Or leave that law out, or give force=True (--force)",
        )
