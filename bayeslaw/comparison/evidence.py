"""The evidence of a law, by bridge sampling.

It is computed in the coordinates of the sampler, where every prior is normalised and includes its
Jacobian. The density is that of **log** loss; that of the losses differs by a factor that is the
same for all laws, and so does not change Bayes factors.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import numpy as np

from bayeslaw.comparison.bridge import LEAST_DRAWS, bridge
from bayeslaw.core.calls import public
from bayeslaw.core.compilation import compiled
from bayeslaw.core.errors import refuse, whole
from bayeslaw.core.notes import Note, cautions
from bayeslaw.core.results import Result
from bayeslaw.inference.density import DEEPEST, Density
from bayeslaw.inference.laplace import log_densities
from bayeslaw.model.model import Data
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd

#: A Monte-Carlo error of a log evidence that could change the interpretation of a Bayes factor.
LARGEST_ERROR = 0.5
#: Share of draws above which the replaced tail of the floor's prior gives a note.
LARGEST_BELOW = 0.01


@dataclass(frozen=True)
class Evidence(Result):
    """The marginal likelihood of a law: the prior predictive density of the log losses.

    Attributes
    ----------
    log_evidence, mcse : float
        Its natural logarithm, of log losses, and the Monte-Carlo standard error.
    parts : ndarray of shape (2, chains)
        The same from each half of each chain alone.
    below : float
        Share of draws with the floor more than four standard deviations below its prior's median,
        where the log density of the prior is linear: a heavier tail than the stated one.
    notes : tuple of Note
        Errors and warnings of the fit, then why it may not be trusted.
    """

    log_evidence: float
    mcse: float
    parts: np.ndarray
    below: float
    notes: tuple[Note, ...] = ()

    @property
    def summary(self) -> str:
        """One sentence."""
        return f"The log evidence is {self.log_evidence:.2f} nats (MCSE {self.mcse:.2g})."

    def to_frame(self) -> pd.DataFrame:
        """A row a ``half`` and ``chain`` with its own ``log_evidence``."""
        import pandas as pd

        rows = [(*at, float(value)) for at, value in np.ndenumerate(self.parts)]
        return pd.DataFrame(rows, columns=["half", "chain", "log_evidence"])


@public
def evidence(posterior: Posterior, *, seed: int = 0) -> Evidence:
    """Integrate prior times likelihood by bridge sampling.

    The evidence depends on the width of every prior: compare laws by it only with informative
    priors.

    Parameters
    ----------
    posterior, seed : Posterior, int
        A fit by NUTS, with 100 draws a chain or more; for the draws of the proposal.

    Returns
    -------
    Evidence
        Of the log losses, in nats.

    Raises
    ------
    RequestError
        If the posterior was not drawn by NUTS, or has too few draws.
    """
    density, data, z = sampled_density(posterior, "evidence")
    whole(seed, "seed", place="evidence")
    integral = bridge(log_joint(density, data), z, seed=seed)
    below = _below(posterior, density, data)
    notes = [*cautions(posterior.notes), *rough(integral.error, "evidence")]
    if below > LARGEST_BELOW:
        message = (
            f"in {100 * below:.2g}% of the draws the floor is so far below its prior's median that "
            "a heavier tail replaces the prior: the evidence is approximate"
        )
        remedy = "Give the floor a wider prior, or one with a lower median"
        notes.append(Note("evidence_floor", "warning", message, remedy))
    return Evidence(integral.log_normaliser, integral.error, integral.parts, below, tuple(notes))


def rough(error: float, what: str) -> tuple[Note, ...]:
    """Note on a large Monte-Carlo error, if any."""
    message = f"the log {what} has a Monte-Carlo error of {error:.2g}"
    remedy = "Increase draws=, or do not compare by evidence"
    note = Note("evidence_rough", "warning", message, remedy)
    return () if error <= LARGEST_ERROR else (note,)


def sampled_density(posterior: Posterior, place: str) -> tuple[Density, Data, np.ndarray]:
    """The sampled density, and its draws in the coordinates of the sampler."""
    method, draws = posterior.info.method, posterior.stats["diverging"].shape[1]
    refuse(
        place,
        (method != "nuts", f"the fit is by {method!r}, and has no chains", 'method="nuts"'),
        (
            posterior.grouped,
            "evidence is not available for coefficients that vary by group",
            "Fit without pool=",
        ),
        (
            posterior.discrepancy is not None,
            "evidence is not available with a discrepancy",
            "Fit without one",
        ),
        (draws < LEAST_DRAWS, f"{draws} draws a chain", f"Draw {LEAST_DRAWS} or more (draws=)"),
    )
    model, data = posterior.specification.build(posterior.runs)
    density = Density(model)
    return density, data, density.recover(posterior.draws, data)


def log_joint(density: Density, data: Data) -> Callable[[np.ndarray], np.ndarray]:
    """Log of prior times likelihood, both with their constants."""
    constant = density.constant(data)

    def evaluate(z: np.ndarray) -> np.ndarray:
        with compiled():
            on_device: Data = jax.device_put(data)
            return log_densities(density, on_device, z, os.cpu_count() or 1) - constant

    return evaluate


def _below(posterior: Posterior, density: Density, data: Data) -> float:
    """Share of draws in the replaced tail of the floor's prior."""
    floor = density.model.form.floor
    if floor is None or dict(density.model.families)[floor] == "normal":
        return 0.0
    centre, scale, low = data.priors[floor]
    share = posterior.draws[density.model.site(floor)] - low
    # Draws further down are reported at the end of the stated prior.
    return float((share <= np.exp(centre - DEEPEST * scale) * (1 + 1e-9)).mean())
