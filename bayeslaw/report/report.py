"""``report``: call everything, arrange it on a page, write the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.checks.predictive import posterior_predictive_check
from bayeslaw.core.errors import RequestError
from bayeslaw.core.files import whole_file
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.optimum.answer import Optimum
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.decide import Decision, decide, expert_grid
from bayeslaw.optimum.optimum import optimum
from bayeslaw.optimum.request import budget_of, numbers_of
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.report.contents import Report
from bayeslaw.report.page import page
from bayeslaw.report.text import asked

if TYPE_CHECKING:
    import pandas as pd

    from bayeslaw.runs import Runs


def report(
    posterior: Posterior,
    path: str | Path,
    *,
    at: Mapping[str, float] | None = None,
    budget: Budget | None = None,
    candidates: Runs | pd.DataFrame | Mapping[str, Any] | None = None,
    question: str | None = None,
    ci_prob: float = INTERVAL,
    source: str = "fit.nc",
) -> Report:
    """Write what a fit says to one self-contained HTML page.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    path : str or Path
        The page to write; one that is there is replaced only by a complete one.
    at : mapping, optional
        Variables that the question fixes, as in ``optimum``.
    budget : Budget, optional
        What the best configuration has to keep, as in ``optimum``.
    candidates : Runs, DataFrame or mapping, optional
        Configurations to rank. Unless given, pairs of routed and shared experts where the law knows
        G and S and the question leaves both open; everything else then stands at the optimum.
    question : str, optional
        What the page answers, as its heading; put together from the rest unless given.
    ci_prob : float
        Probability of all intervals.
    source : str
        How the page calls the file of the posterior.

    Returns
    -------
    Report
        The facts on the page. Where nothing was asked and the law has no optimum by itself, there
        is none, and the page says why.

    Raises
    ------
    RequestError
        If what was asked cannot be answered, or the page cannot be written.
    """
    if not isinstance(posterior, Posterior):
        raise RequestError(
            f"a {type(posterior).__name__} where a posterior belongs",
            place="report",
            remedy="Report the posteriors of a mixture one by one",
        )
    path = Path(path)
    if not path.parent.is_dir():
        # Before minutes are spent.
        raise RequestError(
            f"there is no folder {str(path.parent)!r}", place="report", remedy="Create it first"
        )
    fixed, kept = numbers_of(at, place="report, at"), budget_of(budget, place="report")
    without: dict[str, str] = {}
    best: Optimum | None = None
    try:
        best = optimum(posterior, at=fixed, budget=kept, ci_prob=ci_prob)
    except RequestError as error:
        # A question that cannot be answered is the caller's to mend; none was asked here.
        if fixed or kept.given:
            raise
        without["optimum"] = f"{error.problem}. {error.remedy}"
    choice = _choice(posterior, best, fixed, kept, candidates, ci_prob, without)
    found = Report(
        path=path,
        question=question or asked(posterior, best, fixed, kept),
        posterior=posterior,
        coefficients=posterior.to_frame(ci_prob=ci_prob),
        check=posterior_predictive_check(posterior, ci_prob=ci_prob),
        optimum=best,
        decision=choice,
        without=without,
        at=fixed,
        budget=kept,
        probability=ci_prob,
        source=source,
    )
    text = page(found)
    try:
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RequestError(
            f"the page cannot be written ({error.strerror or error})",
            place=str(path),
            remedy="Name a file in a folder that exists and can be written to",
        ) from None
    return found


def _choice(
    posterior: Posterior,
    best: Optimum | None,
    fixed: dict[str, float],
    kept: Budget,
    candidates: Runs | pd.DataFrame | Mapping[str, Any] | None,
    probability: float,
    without: dict[str, str],
) -> Decision | None:
    if candidates is not None:
        return decide(posterior, candidates, at=fixed, budget=kept, ci_prob=probability)
    pairs, variables = expert_grid(), posterior.law.variables
    lacking = [name for name in ("G", "S") if name not in variables]
    if lacking:
        said = f"{posterior.law.name} knows no {' and no '.join(lacking)}"
        without["decision"] = f"{said}, so it cannot rank pairs of routed and shared experts"
        return None
    if best is None or {"G", "S"} & set(fixed):
        without["decision"] = "the question leaves no choice of routed and shared experts"
        return None
    others = [name for name in variables if name not in pairs.columns]
    where = {**fixed, **_medians(best, others)}
    lost = [name for name in others if name not in where]
    if lost:
        without["decision"] = f"the optimum has no median of {', '.join(lost)}"
        return None
    return decide(posterior, pairs, at={n: where[n] for n in others}, ci_prob=probability)


def _medians(best: Optimum, names: list[str]) -> dict[str, float]:
    """Where the optimum has its other variables: held, or the median of its draws."""
    found = {name: best.at[name] for name in names if name in best.at}
    found |= {
        name: best.quantities[name].median
        for name in names
        if name in best.quantities and np.isfinite(best.quantities[name].median)
    }
    for text, one in best.quantities.items():
        above, slash, below = text.partition("/")
        if slash and above in names and above not in found and below in found:
            found[above] = one.median * found[below]
    return found
