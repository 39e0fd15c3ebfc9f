"""The runs to train next, as a part of a page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayeslaw.core.errors import RequestError
from bayeslaw.design.next_runs import next_runs
from bayeslaw.design.pool import costs_of
from bayeslaw.design.result import NextRuns
from bayeslaw.optimum.result import Optimum
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.study.result import Study

#: Imagined outcomes of the runs that are refitted.
REFITS = 20


def next_of(source: Posterior | Study, best: Optimum | None, ci_prob: float) -> NextRuns | str:
    """Runs that narrow the least known quantity of an optimum, or why there are none.

    They may cost as much as the runs at hand.
    """
    if best is None:
        return "there is no optimum to narrow"
    target = _least_known(best)
    if target is None:
        return "no quantity of the optimum has an interval to narrow"
    posterior = source.posteriors[0] if isinstance(source, Study) else source
    variables = posterior.law.variables
    at = {name: value for name, value in best.at.items() if name in variables}
    try:
        spent = costs_of(posterior, pd.DataFrame(posterior.runs.columns(variables)), None, "report")
        return next_runs(
            source,
            target,
            at=at or None,
            target_budget=best.budget,
            budget=float(spent[0].sum()),
            refits=REFITS,
            ci_prob=ci_prob,
            seed=source.seed if isinstance(source, Study) else source.info.settings.seed,
        )
    except RequestError as error:
        # The caller asked for no runs: the page states why it lists none.
        return f"{error.problem}. {error.remedy}"


def _least_known(best: Optimum) -> str | None:
    """The quantity of the widest interval on a log scale."""
    widths = {
        name: np.log(q.high / q.low)
        for name, q in best.quantities.items()
        if 0 < q.low < q.high < np.inf and q.status != "prior_only"
    }
    return max(widths, key=lambda name: widths[name], default=None)
