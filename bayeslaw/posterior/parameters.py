"""Intervals and diagnostics of parameters as a table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bayeslaw.core.intervals import interval
from bayeslaw.posterior.convergence import Convergence
from bayeslaw.posterior.fitted_model import FittedModel
from bayeslaw.posterior.statistics import end_errors


def parameter_frame(
    model: FittedModel,
    prior: Mapping[str, np.ndarray],
    convergence: Convergence,
    ci_prob: float,
) -> pd.DataFrame:
    """A row a parameter: its interval, its prior's, and how far its draws can be relied on."""
    law, discrepancy = model.law, model.specification.discrepancy
    published = law.published() if law.coefficients else {}
    kernels = {} if discrepancy is None else discrepancy.priors
    pooled = [pool.scale for pool in model.specification.pool]
    draws, rows = model.draws, {}
    for name in (*law.parameters, *pooled, *model.noise.priors, *kernels):
        values, ess_tail = draws[name].ravel(), convergence.ess_tail[name]
        ends, before = interval(values, ci_prob), interval(prior[name], ci_prob)
        mcse_low, mcse_high = end_errors(values, ess_tail, ci_prob)
        rows[name] = {
            "median": float(ends.median),
            "low": float(ends.low),
            "high": float(ends.high),
            "prior_low": float(before.low),
            "prior_high": float(before.high),
            "published": published.get(name, np.nan),
            "rhat": convergence.rhat[name],
            "ess_bulk": convergence.ess_bulk[name],
            "ess_tail": ess_tail,
            "mcse_low": mcse_low,
            "mcse_high": mcse_high,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")
