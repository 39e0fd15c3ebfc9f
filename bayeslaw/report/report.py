"""``report``: checks, optimum and decision of a fit on one HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from bayeslaw.checks.predictive import posterior_predictive_check
from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.core.files import destination, write_file
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.decide import Decision, decide, expert_grid
from bayeslaw.optimum.optimum import optimum
from bayeslaw.optimum.request import Request
from bayeslaw.optimum.result import Optimum
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.report.contents import Report
from bayeslaw.report.next_runs import next_of
from bayeslaw.report.page import page
from bayeslaw.report.study import StudyReport, study_page, study_question
from bayeslaw.report.text import default_question
from bayeslaw.runs import Runs
from bayeslaw.study.result import Study

if TYPE_CHECKING:
    import pandas as pd


# Models with a larger share of active parameters have no room for inactive experts.
_DENSE = 0.99


@overload
def report(
    posterior: Posterior,
    path: str | Path,
    *,
    at: Mapping[str, float | str] | None = None,
    budget: Budget | None = None,
    candidates: Runs | pd.DataFrame | Mapping[str, Any] | None = None,
    question: str | None = None,
    ci_prob: float = INTERVAL,
    source: str = "fit.nc",
    next_runs: bool = True,
) -> Report: ...


@overload
def report(
    posterior: Study,
    path: str | Path,
    *,
    question: str | None = None,
    next_runs: bool = True,
) -> StudyReport: ...


@public
def report(
    posterior: Posterior | Study,
    path: str | Path,
    *,
    at: Mapping[str, float | str] | None = None,
    budget: Budget | None = None,
    candidates: Runs | pd.DataFrame | Mapping[str, Any] | None = None,
    question: str | None = None,
    ci_prob: float = INTERVAL,
    source: str = "fit.nc",
    next_runs: bool = True,
) -> Report | StudyReport:
    """Write checks, optimum and decision of a fit, or a study, to one self-contained HTML page.

    Parameters
    ----------
    posterior : Posterior or Study
        The posterior; or a study, which has its question, intervals and answer already.
    path : str or Path
        The page to write; one that is there is replaced only by a complete one.
    at, budget : mapping, Budget, optional
        Fixed variables and constraints, as for ``optimum``.
    candidates : Runs, DataFrame or mapping, optional
        Configurations to rank. By default pairs of routed and shared experts where the law has G
        and S and neither is fixed; the other variables are then fixed at the optimum.
    question : str, optional
        The heading of the page; by default put together from the constraints.
    ci_prob : float
        Probability of all intervals.
    source : str
        The file of the posterior in the commands that the page lists.
    next_runs : bool
        Whether to choose runs to train next, at the cost of the runs at hand, and to refit the law
        to 20 imagined outcomes of them; takes some seconds.

    Returns
    -------
    Report or StudyReport
        The contents of the page. Where no constraint is given and the law has no optimum without
        one, there is none, and the page states why.

    Raises
    ------
    RequestError
        If the constraints leave no optimum, or the page cannot be written.
    """
    if isinstance(posterior, Study):
        if at is not None or budget is not None or candidates is not None:
            raise RequestError(
                "a study has answered its question already",
                place="report",
                remedy="Give at= and budget= to study, and rank candidates with its decide()",
            )
        return _report_study(posterior, path, question, next_runs)
    destination(path, place="report")
    path = Path(path)
    request = Request.of("report", at, budget)
    best = _best(posterior, request, ci_prob)
    if candidates is None:
        choice = _choice(posterior, best, request.at, ci_prob)
    else:
        choice = decide(
            posterior, candidates, at=request.at or None, budget=request.budget, ci_prob=ci_prob
        )
    parts = {"optimum": best, "decision": choice}
    written = Report(
        path=path,
        question=question or default_question(posterior, best, request.at, request.budget),
        posterior=posterior,
        coefficients=posterior.to_frame(ci_prob=ci_prob),
        check=posterior_predictive_check(posterior, ci_prob=ci_prob),
        optimum=None if isinstance(best, str) else best,
        decision=None if isinstance(choice, str) else choice,
        without={name: why for name, why in parts.items() if isinstance(why, str)},
        at=request.at,
        budget=request.budget,
        ci_prob=ci_prob,
        source=source,
        candidates=_file_of(candidates),
        next_runs=next_of(posterior, None if isinstance(best, str) else best, ci_prob)
        if next_runs
        else None,
    )
    write_file(path, page(written), place="report")
    return written


def _file_of(candidates: Runs | pd.DataFrame | Mapping[str, Any] | None) -> str:
    """The file of candidates in a command; those of no file have to be written to one first."""
    if candidates is None:
        return ""
    source = candidates.source if isinstance(candidates, Runs) else ""
    return source if Path(source).suffix else "candidates.csv"


def _report_study(
    study: Study, path: str | Path, question: str | None, next_runs: bool
) -> StudyReport:
    """Write the page of a study."""
    destination(path, place="report")
    batch = next_of(study, study.optimum, study.ci_prob) if next_runs else None
    written = StudyReport(Path(path), question or study_question(study), study, batch)
    write_file(written.path, study_page(written), place="report")
    return written


def _best(posterior: Posterior, request: Request, ci_prob: float) -> Optimum | str:
    """The optimum, or why there is none without a constraint."""
    at = request.at or None
    try:
        return optimum(posterior, at=at, budget=request.budget, ci_prob=ci_prob)
    except RequestError as error:
        # A constraint that cannot be met is the caller's to mend; none was given here.
        if request.at or request.budget.to_dict():
            raise
        return f"{error.problem}. {error.remedy}"


def _choice(
    posterior: Posterior, best: Optimum | str, fixed: dict[str, float], ci_prob: float
) -> Decision | str:
    """Pairs of routed and shared experts ranked at the optimum, or why there is no choice."""
    variables = posterior.law.variables
    missing = [name for name in ("G", "S") if name not in variables]
    if missing:
        return (
            f"{posterior.law.name} has no {' and no '.join(missing)}, so it cannot rank pairs of "
            "routed and shared experts"
        )
    if isinstance(best, str) or {"G", "S"} & set(fixed):
        return "the question leaves no choice of routed and shared experts"
    others = [name for name in variables if name not in ("G", "S")]
    where = {**fixed, **_medians(best, others)}
    unknown = [name for name in others if name not in where]
    if unknown:
        return f"the optimum has no median of {', '.join(unknown)}"
    if "N" in where and where.get("N_a", 0.0) > _DENSE * where["N"]:
        return (
            "at the best N_a/N nearly every parameter is active: a dense model, which has no "
            "experts to choose"
        )
    at = {name: where[name] for name in others}
    return decide(posterior, expert_grid(), at=at, ci_prob=ci_prob)


def _medians(best: Optimum, names: list[str]) -> dict[str, float]:
    """Where the optimum has variables: fixed, or at the median of its draws."""
    medians = {name: best.at[name] for name in names if name in best.at}
    medians |= {
        name: best.quantities[name].median
        for name in names
        if name in best.quantities and np.isfinite(best.quantities[name].median)
    }
    for text, quantity in best.quantities.items():
        above, slash, below = text.partition("/")
        if slash and above in names and above not in medians and below in medians:
            medians[above] = quantity.median * medians[below]
    return medians
