"""The Bayes factor of a law with a parameter fixed, from the fit with the parameter free."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from bayeslaw.comparison.bridge import halves
from bayeslaw.comparison.evidence import log_joint, rough, sampled_density
from bayeslaw.core.calls import public
from bayeslaw.core.diagnostics import ess_mean
from bayeslaw.core.errors import check_names, refuse
from bayeslaw.core.notes import Note, cautions
from bayeslaw.core.results import Result
from bayeslaw.model.model import Data
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SavageDickey(Result):
    """How much better a law does with a parameter fixed than free.

    Attributes
    ----------
    log_bayes_factor, mcse : float
        Log evidence with the parameter fixed, less log evidence with it free, and the Monte-Carlo
        standard error.
    constraint : str
        What is fixed, such as "k = 0".
    fit_notes : tuple of Note
        Errors and warnings of the fit.
    """

    log_bayes_factor: float
    mcse: float
    constraint: str = ""
    fit_notes: tuple[Note, ...] = field(default=(), repr=False)

    @property
    def summary(self) -> str:
        """One sentence."""
        return (
            f"The log Bayes factor of {self.constraint} against the free law is "
            f"{self.log_bayes_factor:.2f}, with error {self.mcse:.2g}."
        )

    @property
    def notes(self) -> tuple[Note, ...]:
        """The fit's, then why it may not be trusted."""
        return (*self.fit_notes, *rough(self.mcse, "Bayes factor"))

    def to_frame(self) -> pd.DataFrame:
        """The Bayes factor as one row: ``constraint``, ``log_bayes_factor`` and ``mcse``."""
        import pandas as pd

        return pd.DataFrame([asdict(self)])[["constraint", "log_bayes_factor", "mcse"]]


@public
def savage_dickey(posterior: Posterior, name: str, value: float) -> SavageDickey:
    """Bayes factor of a law with a parameter fixed, against the same law with it free.

    The posterior density of the parameter at the value, over the prior's (Dickey 1971). The former
    is the importance-weighted estimate of Chen 1994, whose weights are the parameter's normal
    distribution given all others: unlike a histogram's, it holds where few draws are near.

    Parameters
    ----------
    posterior : Posterior
        A fit by NUTS of the law with the parameter free.
    name, value : str, float
        A parameter of the law, not its floor, and where to fix it, in the paper's units: inside its
        prior.

    Returns
    -------
    SavageDickey
        Against ``law.constrain(f"{name} = {value}")``.

    Raises
    ------
    RequestError
        If there is no such parameter, the value is at the end of its prior, or what its prior is
        stated on would still vary once it is fixed, so that the other law's priors are not these.
    """
    place = f"savage_dickey({name!r})"
    density, data, z = sampled_density(posterior, place)
    law = posterior.law
    check_names([name], law.parameters, f"{law.name} has no parameter {{!r}}", place=place)
    by_evidence = f'Compare with law.constrain("{name} = ...") by evidence'
    problem = f"{name!r} is the floor, which is not sampled itself"
    refuse(place, (name == law.form.floor, problem, by_evidence))
    column = density.model.sampled.index(name)
    at, prior_density = _at_value(posterior, name, value, data, place)
    log_density = log_joint(density, data)
    estimates, errors = [], []
    for fitted, used in halves(z.shape[1]):
        draws = z[:, used]
        moved = draws.copy()
        moved[..., column] = at
        centre, sd = _given_others(z[:, fitted], draws, column)
        change = [log_density(each.reshape(-1, z.shape[-1])) for each in (moved, draws)]
        terms = norm.logpdf(draws[..., column], centre, sd)
        terms = terms + (change[0] - change[1]).reshape(terms.shape)
        estimates.append(float(logsumexp(terms)) - np.log(terms.size) - prior_density)
        weights = np.exp(terms - terms.max())
        relative = weights.std() / weights.mean()
        errors.append(float(relative / np.sqrt(min(ess_mean(weights), weights.size))))
    error = max(math.hypot(*errors) / 2, abs(estimates[0] - estimates[1]) / 2)
    return SavageDickey(
        float(np.mean(estimates)), error, f"{name} = {value:g}", cautions(posterior.notes)
    )


def _at_value(
    posterior: Posterior, name: str, value: float, data: Data, place: str
) -> tuple[float, float]:
    """The value on the scale where the prior is normal, and the prior's log density there."""
    form, reference = posterior.law.form, posterior.reference
    raw = posterior.coefficients()
    raw[name] = np.full(len(raw[name]), float(value))
    on = np.broadcast_to(form.to_on(raw, reference.at, reference.loss)[name], len(raw[name]))
    centre, scale, low = data.priors[name]
    lognormal = posterior.law.parameters[name].prior.family == "lognormal"
    # Fixed in the paper's units, its prior's quantity has to be one number too.
    varies = not np.ptp(on) <= 1e-9 * np.abs(on).max()
    problem = (
        f"at {name} = {value:g}, the quantity that its prior is stated on still varies with other "
        "parameters: the law without it has other priors"
    )
    beyond = f"{name} = {value:g} is at or beyond the end of its prior"
    remedy = f'Compare with law.constrain("{name} = {value:g}") by evidence'
    outside = lognormal and not on[0] > low
    refuse(place, (varies, problem, remedy), (outside, beyond, remedy))
    at = float(np.log(on[0] - low)) if lognormal else float(on[0])
    return at, float(norm.logpdf(at, centre, scale))


def _given_others(fitted: np.ndarray, z: np.ndarray, column: int) -> tuple[np.ndarray, float]:
    """Mean at each draw, and standard deviation, of one coordinate given all others, if normal."""
    flat = fitted.reshape(-1, z.shape[-1])
    middle, scale = flat.mean(axis=0), flat.std(axis=0)
    x = (flat - middle) / scale
    others = np.delete(x, column, axis=1)
    slopes, *_ = np.linalg.lstsq(others, x[:, column], rcond=None)
    left = x[:, column] - others @ slopes
    given = np.delete((z - middle) / scale, column, axis=-1) @ slopes
    return middle[column] + scale[column] * given, float(scale[column] * left.std())
