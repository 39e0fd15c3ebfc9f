"""Observation models on the log scale: how a run's loss scatters around the law."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.law.priors import Prior

if TYPE_CHECKING:
    from numpyro.distributions import Distribution

_SCALE = Prior("lognormal", 0.005, 3.0)
# Beside a misfit of its own, noise is what replicates differ by: .0002 to .003 in public tables.
_REPLICATE_SCALE = Prior("lognormal", 0.0015, 3.0)
# Heavy enough for a few outliers unless the runs say otherwise; below one the t has no location.
_DEGREES = Prior("lognormal", 5.0, math.e, low=1.0)
# Small unless the runs speak for it, since it trades against the floor.
_EXCESS = Prior("lognormal", 0.001, 4.0)


@dataclass(frozen=True)
class Noise:
    """A distribution of log loss around the law's.

    Attributes
    ----------
    name : {"student_t", "normal", "undertuned"}
        Which. The last is a normal, plus an exponential towards higher loss: what poor tuning
        costs a run.
    replicate : bool
        Whether misfit is modelled apart, so that this is the noise of replicates alone.
    """

    name: str
    replicate: bool = False

    @property
    def priors(self) -> dict[str, Prior]:
        """Its parameters and their priors; scales are standard deviations of log loss."""
        scale = _REPLICATE_SCALE if self.replicate else _SCALE
        if self.name == "student_t":
            return {"noise_scale": scale, "noise_df": _DEGREES}
        if self.name == "undertuned":
            return {"noise_scale": scale, "noise_excess": _EXCESS}
        return {"noise_scale": scale}

    def distribution(
        self, centre: Any, values: Mapping[str, Any], errors: Any = None
    ) -> Distribution:
        """The distribution of log loss."""
        from numpyro import distributions as dist

        if self.name == "student_t":
            if errors is not None:
                from bayeslaw.model.distributions import MeasuredT

                df, scale = values["noise_df"], values["noise_scale"]
                return MeasuredT(df, centre, scale, errors)
            return dist.StudentT(values["noise_df"], centre, values["noise_scale"])
        scale = values["noise_scale"]
        if errors is not None:
            scale = (scale**2 + errors**2) ** 0.5
        if self.name == "undertuned":
            from bayeslaw.model.distributions import ExponentiallyModified

            return ExponentiallyModified(centre, scale, values["noise_excess"])
        return dist.Normal(centre, scale)

    def draw(
        self,
        rng: np.random.Generator,
        values: Mapping[str, Any],
        shape: tuple[int, ...],
        errors: Any = None,
    ) -> np.ndarray:
        """Draw deviations of log loss from the law."""
        if errors is not None:
            return self.draw(rng, values, shape) + errors * rng.standard_normal(shape)
        if self.name == "student_t":
            unit = rng.standard_t(np.broadcast_to(values["noise_df"], shape))
        else:
            unit = rng.standard_normal(shape)
        if self.name == "undertuned":
            more = values["noise_excess"] * rng.standard_exponential(shape)
            return np.asarray(values["noise_scale"] * unit + more)
        return np.asarray(values["noise_scale"] * unit)


NOISES = ("student_t", "normal", "undertuned")


def noise(name: str, *, replicate: bool = False) -> Noise:
    """Look up an observation model."""
    if name not in NOISES:
        raise RequestError(f"unknown noise {name!r}", remedy=nearest(str(name), NOISES))
    if name == "undertuned" and replicate:
        raise RequestError(
            "undertuned noise beside a discrepancy: runs that lie above their neighbours would be "
            "either",
            place="noise",
            remedy='Take noise="student_t", which gives outliers little weight',
        )
    return Noise(name, replicate)
