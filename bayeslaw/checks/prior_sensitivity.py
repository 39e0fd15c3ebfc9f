"""``identify``: what a posterior owes to its runs, and what to its prior."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.diagnostics import power_scaling
from bayeslaw.core.errors import RequestError
from bayeslaw.core.notes import Note
from bayeslaw.model.build import all_priors, on_site

if TYPE_CHECKING:
    import pandas as pd

    from bayeslaw.optimum.answer import Optimum
    from bayeslaw.posterior.posterior import Posterior

#: A posterior that moves by more than this when prior or likelihood is raised to a power is
#: sensitive to it (Kallioinen et al. 2024, doi:10.1007/s11222-023-10366-5).
SENSITIVE = 0.05
# Parts of the prior in which shares of draws are counted.
_PARTS = 20
# Softest directions that are told, and the share of a direction that a coefficient must have.
_DIRECTIONS, _LOADING = 3, 0.3
# A direction along which this part of the prior's spread is left is hardly known from the runs.
_SOFT = 0.8


@dataclass(frozen=True)
class PriorSensitivity:
    """What coefficients and optima owe to the runs.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a coefficient and optimum. ``informed_by``: what the configurations allow, as in
        ``Posterior.summary``. ``learned``: how far the posterior is from the prior, as the
        share of draws that would have to move to make it the prior again (total variation over
        twentieths of the prior, so that it is the same in any coordinate): about 0 where nothing
        was learned, near 1 where the prior hardly matters. ``prior`` and ``runs``: how much the
        posterior changes when the prior or the likelihood is raised to a power near one;
        ``prior_of``, the coefficient whose prior alone moves it most. ``decided_by``: ``runs``;
        ``prior`` where only the prior matters; ``both`` where the posterior yields to either, which
        is a strong prior or one that the runs contradict; ``a bound`` where draws do not vary.
    directions : pandas.DataFrame
        The directions that the runs leave softest, in standard deviations of the priors: a row
        each with the part ``left`` of the prior's standard deviation, and the coefficients that
        make it up. Coefficients that trade off are soft together, each alone need not be.
    statement : str
        One sentence.
    """

    table: pd.DataFrame = field(repr=False)
    directions: pd.DataFrame = field(repr=False)
    statement: str

    @property
    def notes(self) -> tuple[Note, ...]:
        """On what the prior decides."""
        if not (self.table["decided_by"] == "prior").any():
            return ()
        remedy = "Add runs that tell it, or state what is known otherwise in with_priors(...)"
        return (Note("prior_decides", "warning", self.statement, remedy),)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data.

        Returns
        -------
        dict
            Tables as lists of rows.
        """
        return {
            "quantities": self.table.reset_index(names="quantity").to_dict("records"),
            "directions": self.directions.to_dict("records"),
            "statement": self.statement,
            "notes": [note.to_dict() for note in self.notes],
        }


def prior_sensitivity(posterior: Posterior, best: Optimum | None = None) -> PriorSensitivity:
    """Tell what coefficients, and the optima of an answer, owe to the runs and to the prior.

    Parameters
    ----------
    posterior : Posterior
        The fit.
    best : Optimum, optional
        An answer of ``optimum`` from this posterior, whose quantities are judged too.

    Returns
    -------
    PriorSensitivity
        Distances from the prior, sensitivities by power scaling, and the softest directions. Only
        the priors of coefficients and noise are scaled; each is scaled in the coordinate in which
        it is normal, so that its median stays.

    Raises
    ------
    RequestError
        If the fit is a single point, or the optimum is another posterior's.
    """
    import pandas as pd

    if posterior.info.method in ("mode", "prior"):
        raise RequestError(
            "draws that know nothing of prior and runs",
            place="identify",
            remedy='Fit by method="nuts" or "laplace"',
        )
    if posterior.info.group is not None:
        raise RequestError(
            "coefficients of one group, whose prior is not that of the common values",
            place="identify",
            remedy="Give the fit to all groups",
        )
    law = posterior.law
    shape = posterior.draws["noise_scale"].shape
    draws = {name: posterior.draws[name] for name in law.parameters}
    before = {name: posterior.prior[name] for name in law.parameters}
    source = {name: posterior.informed_by(name) for name in law.parameters}
    for name, one in ({} if best is None else best.quantities).items():
        if one.draws.size != int(np.prod(shape)):
            raise RequestError(
                f"{one.draws.size} draws of the optimum, and {int(np.prod(shape))} of the fit",
                place="identify",
                remedy="Give the optimum of this posterior",
            )
        draws[f"{name}*"] = one.draws.reshape(shape)
        before[f"{name}*"] = one.prior_draws
        source[f"{name}*"] = "prior only" if one.status == "prior_only" else "runs"
    away = _away(posterior)
    together = -0.5 * np.sum([one**2 for one in away.values()], axis=0)
    prior = power_scaling(draws, together, "prior")
    each = {
        name: power_scaling(draws, -0.5 * one**2, "prior")
        for name, one in away.items()
        if name in law.parameters
    }
    runs = dict.fromkeys(draws, np.nan)
    if posterior.discrepancy is None:
        runs = power_scaling(draws, posterior.log_likelihood().sum(axis=-1), "likelihood")
    rows = {}
    for name in draws:
        most = max(each, key=lambda one: np.nan_to_num(each[one][name], nan=-1.0))
        rows[name] = {
            "informed_by": source[name],
            "learned": _learned(draws[name].ravel(), np.asarray(before[name])),
            "prior": prior[name],
            "runs": runs[name],
            "prior_of": most if each[most][name] > SENSITIVE else "",
            "decided_by": _decided(source[name], prior[name], runs[name]),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    directions = _directions({name: away[name] for name in law.parameters})
    return PriorSensitivity(table, directions, _statement(table, directions))


def _away(posterior: Posterior) -> dict[str, np.ndarray]:
    """Distances from the priors' centres in their standard deviations, (chains, draws) each."""
    found = {}
    priors = all_priors(posterior.law, posterior.noise)
    for name, prior in priors.items():
        site = on_site(posterior.law.form, name) if name in posterior.law.parameters else name
        centre, scale, low = prior.numbers
        value = posterior.draws[site]
        if prior.family == "lognormal":
            # A floor may lie where its prior has next to nothing, which is followed only so far.
            value = np.log(np.maximum(value - low, np.exp(centre - 5.0 * scale)))
        found[name] = (value - centre) / scale
    return found


def _learned(draws: np.ndarray, before: np.ndarray) -> float:
    """Total variation between draws and prior, over equally probable parts of the prior."""
    before, draws = before[~np.isnan(before)], draws[~np.isnan(draws)]
    if not len(before) or not len(draws):
        return float("nan")
    # Where many draws are equal, such as at a bound, a part may be a single value.
    edges = np.unique(np.quantile(before, np.linspace(0, 1, _PARTS + 1), method="inverted_cdf"))
    ours, theirs = (
        np.bincount(np.searchsorted(edges[1:-1], one, side="left"), minlength=len(edges)) / len(one)
        for one in (draws, before)
    )
    return float(0.5 * np.abs(ours - theirs).sum())


def _decided(source: str, prior: float, runs: float) -> str:
    if source == "prior only":
        return "prior"
    if np.isnan(prior):
        # Draws that are all equal, or none, such as at a bound.
        return "a bound"
    if prior < SENSITIVE:
        return "runs"
    if runs < SENSITIVE:
        return "prior"
    # Without a likelihood of single runs, beside a discrepancy, that much is known.
    return "both"


def _directions(away: dict[str, np.ndarray]) -> pd.DataFrame:
    import pandas as pd

    names = list(away)
    flat = np.stack([away[name].ravel() for name in names], axis=1)
    values, vectors = np.linalg.eigh(np.cov(flat.T))
    rows = []
    for place in np.argsort(-values)[:_DIRECTIONS]:
        vector = vectors[:, place]
        vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
        parts = sorted(zip(vector, names, strict=True), key=lambda one: -abs(one[0]))
        said = " ".join(f"{size:+.2f} {name}" for size, name in parts if abs(size) > _LOADING)
        rows.append({"left": float(np.sqrt(values[place])), "direction": said})
    return pd.DataFrame(rows)


def _statement(table: pd.DataFrame, directions: pd.DataFrame) -> str:
    parts = []
    for what, said in (
        ("prior", "the prior decides {}"),
        ("both", "{} depend on prior and runs alike"),
    ):
        names = table.index[table["decided_by"] == what]
        if len(names):
            parts.append(said.format(", ".join(names)))
    if not parts:
        parts.append("the runs decide all coefficients" if len(table) else "")
    soft = directions[directions["left"] > _SOFT]
    if len(soft):
        first = soft.iloc[0]
        parts.append(
            f"along {first['direction']} {100 * first['left']:.0f}% of the prior's spread is left"
        )
    return "; ".join(parts)
