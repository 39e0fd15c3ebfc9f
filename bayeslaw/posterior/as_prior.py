"""A posterior as the prior of the next source: the population's draws as priors of a law."""

from __future__ import annotations

import copy

import numpy as np

from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import ReferenceRun

# Quantiles one standard deviation from the middle of a normal.
_LOW, _HIGH = 0.1587, 0.8413
# The least standard deviation of a prior: draws of a coefficient that is known well are no promise
# that the next source agrees to more digits.
_LEAST = 0.02


def law_with_prior(posterior: Posterior, reference: ReferenceRun) -> Law:
    """The law with the priors that an unseen source has, stated at another reference run.

    Each prior has the median and the 68% interval of the draws of what it is stated on, in its own
    family. Coefficients are taken as independent, which widens what they say together.
    """
    source = posterior.of_group(source=None) if posterior.pool else posterior
    law, form = posterior.law, posterior.law.form
    raw = {name: values.ravel() for name, values in source.coefficients().items()}
    with np.errstate(all="ignore"):
        stated = form.to_on(raw, reference.at, reference.loss)
    card = copy.deepcopy(law.card)
    for name, parameter in law.parameters.items():
        prior = parameter.prior
        values = np.broadcast_to(np.asarray(stated[name], dtype=float), raw[name].shape)
        away = prior.standardise(values)
        low, middle, high = np.quantile(away[np.isfinite(away)], [_LOW, 0.5, _HIGH])
        centre, scale, _ = prior.numbers
        middle, sd = centre + scale * middle, max(scale * (high - low) / 2, _LEAST * scale)
        entry = card["parameters"][name]["prior"]
        if prior.family == "lognormal":
            entry |= {"median": float(np.exp(middle)), "factor": float(np.exp(sd))}
        else:
            entry |= {"mean": float(middle), "sd": float(sd)}
    return Law(card, law.place)


def prior_note(posterior: Posterior) -> Note:
    """A note on where the priors of a law come from."""
    message = (
        f"priors of {posterior.law.name} are what an unseen source has, of {posterior.summary}"
    )
    return Note("prior_of_sources", "info", message)
