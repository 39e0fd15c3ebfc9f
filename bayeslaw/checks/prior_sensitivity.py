"""``prior_sensitivity``: how far a posterior depends on its runs, and on its prior."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.calls import public
from bayeslaw.core.diagnostics import power_scaling
from bayeslaw.core.errors import refuse
from bayeslaw.core.notes import Note, cautions
from bayeslaw.core.results import Result
from bayeslaw.model.specification import Specification
from bayeslaw.optimum.result import Optimum
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd

#: A posterior that moves by more than this when prior or likelihood is raised to a power is
#: sensitive to it (Kallioinen et al. 2024, doi:10.1007/s11222-023-10366-5).
SENSITIVE = 0.05
# Parts of the prior in which shares of draws are counted.
_PARTS = 20
# Number of softest directions, and the share of a direction from which a coefficient is named.
_DIRECTIONS, _LOADING = 3, 0.3
# Along a soft direction at least this part of the prior's spread is left.
_SOFT = 0.8
# Deviation of a lognormal below which none is told apart.
_DEEPEST = -5.0


@dataclass(frozen=True)
class PriorSensitivity(Result):
    """How far coefficients and optima depend on the runs, and on the prior.

    Attributes
    ----------
    frame : pandas.DataFrame
        A row a coefficient and optimum. ``informed_by``: what the configurations allow, as in
        ``Posterior.to_frame``. ``learned``: distance of the posterior from the prior, as the share
        of draws that would have to move (total variation over twentieths of the prior, the same in
        any coordinate): about 0 where nothing was learned, near 1 where the prior hardly matters.
        ``prior`` and ``runs``: how much the posterior changes when prior or likelihood is raised to
        a power near one; ``prior_of``, the coefficient whose prior alone moves it most.
        ``decided_by``: ``runs``; ``prior`` where only the prior matters; ``both`` where the
        posterior follows either, as under a strong prior or one that the runs contradict; ``a
        bound`` where draws do not vary.
    directions : pandas.DataFrame
        The directions that the runs leave softest, in standard deviations of the priors: a row each
        with the part ``left`` of the prior's standard deviation, and the coefficients that make up
        the ``direction``. Coefficients that trade off are soft together, each alone need not be.
    fit_notes : tuple of Note
        Errors and warnings of the fit.
    """

    _rows = "quantities"

    frame: pd.DataFrame = field(repr=False)
    directions: pd.DataFrame = field(repr=False)
    fit_notes: tuple[Note, ...] = field(default=(), repr=False)

    @property
    def summary(self) -> str:
        """One sentence."""
        decided = self.frame["decided_by"]
        prior, both = (", ".join(self.frame.index[decided == by]) for by in ("prior", "both"))
        parts = [f"the prior decides {prior}"] if prior else []
        parts += [f"prior and runs decide {both}"] if both else []
        parts = parts or ["the runs decide all coefficients"]
        first = self.directions.iloc[0]
        if first["left"] > _SOFT:
            left = f"{100 * first['left']:.0f}% of the prior's spread is left"
            parts.append(f"along {first['direction']} {left}")
        text = "; ".join(parts)
        return f"{text[0].upper()}{text[1:]}."

    @property
    def notes(self) -> tuple[Note, ...]:
        """The fit's, then on what the prior decides."""
        if not (self.frame["decided_by"] == "prior").any():
            return self.fit_notes
        remedy = "Add runs that constrain it, or state what else is known in with_priors(...)"
        note = Note("prior_decides", "warning", self.summary.removesuffix("."), remedy)
        return (*self.fit_notes, note)


@public
def prior_sensitivity(posterior: Posterior, best: Optimum | None = None) -> PriorSensitivity:
    """Measure how far coefficients, and an optimum, depend on the runs and on the prior.

    Parameters
    ----------
    posterior, best : Posterior; Optimum, optional
        The fit; result of ``optimum`` from it, whose quantities are judged too.

    Returns
    -------
    PriorSensitivity
        Distances from the prior, sensitivities by power scaling, and the softest directions. Only
        the priors of coefficients and noise are scaled; each is scaled in the coordinate in which
        it is normal, so that its median stays.

    Raises
    ------
    RequestError
        If the fit is a single point or of one group, or the optimum is another posterior's.
    """
    import pandas as pd

    law, info = posterior.law, posterior.info
    unlike = f"draws by {info.method!r} do not reflect prior and runs"
    one = "coefficients of one group, whose prior is not that of the common values"
    refuse(
        "prior_sensitivity",
        (info.method in ("mode", "prior"), unlike, 'Fit by method="nuts" or "laplace"'),
        (info.group is not None, one, "Give the fit to all groups"),
    )
    draws = {name: posterior.draws[name] for name in law.parameters}
    before = {name: posterior.prior[name] for name in law.parameters}
    source = {name: posterior.informed_by(name) for name in law.parameters}
    shape = posterior.draws["noise_scale"].shape
    for name, quantity in ({} if best is None else best.quantities).items():
        size, fitted = quantity.draws.size, np.prod(shape)
        problem = f"{size} draws of the optimum, and {fitted} of the fit"
        remedy = "Give the optimum of this posterior"
        refuse("prior_sensitivity", (size != fitted, problem, remedy))
        draws[f"{name}*"] = quantity.draws.reshape(shape)
        before[f"{name}*"] = quantity.prior_draws
        source[f"{name}*"] = "prior only" if quantity.status == "prior_only" else "runs"
    deviations = _prior_deviations(posterior)
    together = -0.5 * np.sum([values**2 for values in deviations.values()], axis=0)
    prior = power_scaling(draws, together, "prior")
    by_prior = {
        name: power_scaling(draws, -0.5 * deviations[name] ** 2, "prior") for name in law.parameters
    }
    runs = dict.fromkeys(draws, np.nan)
    if posterior.discrepancy is None:
        runs = power_scaling(draws, posterior.log_likelihood().sum(axis=-1), "likelihood")
    rows = {}
    for name in draws:
        most = max(by_prior, key=lambda each: np.nan_to_num(by_prior[each][name], nan=-1.0))
        rows[name] = {
            "informed_by": source[name],
            "learned": total_variation(draws[name].ravel(), np.asarray(before[name])),
            "prior": prior[name],
            "runs": runs[name],
            "prior_of": most if by_prior[most][name] > SENSITIVE else "",
            "decided_by": _decided_by(source[name], prior[name], runs[name]),
        }
    directions = _softest({name: deviations[name] for name in law.parameters})
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")
    return PriorSensitivity(frame, directions, cautions(posterior.notes))


def _prior_deviations(posterior: Posterior) -> dict[str, np.ndarray]:
    """Draws less the priors' centres in their standard deviations, (chains, draws) each."""
    deviations = {}
    specification = Specification(posterior.law, posterior.reference, posterior.noise)
    for name, prior in specification.priors.items():
        away = prior.standardise(posterior.draws[specification.site(name)])
        # A floor may lie where its prior has next to no mass, which is followed so far only.
        deviations[name] = np.maximum(away, _DEEPEST) if prior.family == "lognormal" else away
    return deviations


def total_variation(draws: np.ndarray, before: np.ndarray) -> float:
    """Total variation between draws and prior, over equally probable parts of the prior."""
    before, draws = before[~np.isnan(before)], draws[~np.isnan(draws)]
    if not len(before) or not len(draws):
        return float("nan")
    # Where many draws are equal, such as at a bound, a part may be a single value.
    edges = np.unique(np.quantile(before, np.linspace(0, 1, _PARTS + 1), method="inverted_cdf"))
    own, prior = (
        np.bincount(np.searchsorted(edges[1:-1], values, side="left"), minlength=len(edges))
        / len(values)
        for values in (draws, before)
    )
    return float(0.5 * np.abs(own - prior).sum())


def _decided_by(source: str, prior: float, runs: float) -> str:
    if source == "prior only":
        return "prior"
    if np.isnan(prior):
        # Draws that are all equal, or none, such as at a bound.
        return "a bound"
    if prior < SENSITIVE:
        return "runs"
    # With a discrepancy the log likelihood is undefined and ``runs`` is NaN: report both.
    return "prior" if runs < SENSITIVE else "both"


def _softest(deviations: dict[str, np.ndarray]) -> pd.DataFrame:
    """The principal directions of the draws with the largest spread."""
    import pandas as pd

    flat = np.stack([values.ravel() for values in deviations.values()], axis=1)
    values, vectors = np.linalg.eigh(np.cov(flat.T))
    rows = []
    for i in np.argsort(-values)[:_DIRECTIONS]:
        vector = vectors[:, i] * np.sign(vectors[np.argmax(np.abs(vectors[:, i])), i])
        parts = sorted(zip(vector, deviations, strict=True), key=lambda part: -abs(part[0]))
        named = " ".join(f"{size:+.2f} {name}" for size, name in parts if abs(size) > _LOADING)
        rows.append({"left": float(np.sqrt(values[i])), "direction": named})
    return pd.DataFrame(rows)
