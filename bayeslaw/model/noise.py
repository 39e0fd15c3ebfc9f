"""Observation models on the log scale: the scatter of a run's loss around the law."""

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

NOISES = ("student_t", "normal", "undertuned")

_SCALE = Prior("lognormal", 0.005, 3.0)
# Beside a misfit of its own, noise is the spread of replicates: .0002 to .003 in public tables.
_REPLICATE_SCALE = Prior("lognormal", 0.0015, 3.0)
# Heavy enough for a few outliers unless the runs disagree; below one the t has no location.
_DEGREES = Prior("lognormal", 5.0, math.e, low=1.0)
# Small unless the runs support it, since it trades against the floor.
_EXCESS = Prior("lognormal", 0.001, 4.0)


@dataclass(frozen=True)
class Noise:
    """A distribution of log loss around the law's, named as in ``NOISES``.

    "undertuned" is a normal plus an exponential towards higher loss: the cost of poor tuning.
    ``replicate``: misfit is modelled apart, so that this is the noise of replicates alone.
    """

    name: str
    replicate: bool = False

    def __post_init__(self) -> None:
        """Refuse unknown families, and one that a misfit beside it makes unidentifiable."""
        if self.name not in NOISES:
            remedy = nearest(str(self.name), NOISES)
            raise RequestError(f"unknown noise {self.name!r}", remedy=remedy)
        if self.name == "undertuned" and self.replicate:
            raise RequestError(
                "undertuned noise beside a discrepancy: either would explain runs that lie above "
                "their neighbours",
                place="noise",
                remedy='Take noise="student_t", which gives outliers little weight',
            )

    @property
    def priors(self) -> dict[str, Prior]:
        """Its parameters and their priors; scales are standard deviations of log loss."""
        scale = {"noise_scale": _REPLICATE_SCALE if self.replicate else _SCALE}
        if self.name == "student_t":
            return {**scale, "noise_df": _DEGREES}
        return {**scale, "noise_excess": _EXCESS} if self.name == "undertuned" else scale

    def distribution(
        self, centre: Any, values: Mapping[str, Any], errors: Any = None
    ) -> Distribution:
        """The distribution of log loss; ``errors`` are standard errors of its measurement."""
        from numpyro import distributions as dist

        from bayeslaw.model.distributions import ExponentiallyModified, MeasuredT, StudentT

        scale = values["noise_scale"]
        if self.name == "student_t":
            if errors is not None:
                return MeasuredT(values["noise_df"], centre, scale, errors)
            return StudentT(values["noise_df"], centre, scale)
        if errors is not None:
            scale = (scale**2 + errors**2) ** 0.5
        if self.name == "undertuned":
            return ExponentiallyModified(centre, scale, values["noise_excess"])
        return dist.Normal(centre, scale)

    def log_density(
        self, measured: Any, centre: Any, values: Mapping[str, Any], errors: Any = None
    ) -> np.ndarray:
        """That of ``distribution``, outside compiled functions: JAX's would compile each shape."""
        from scipy.special import gammaln

        away, scale = np.asarray(measured - centre), values["noise_scale"]
        if self.name == "student_t":
            df = values["noise_df"]
            if errors is not None:
                from bayeslaw.model.distributions import measured_t

                return measured_t(away, df, scale, errors)
            height = gammaln(0.5 * (df + 1)) - gammaln(0.5 * df) - 0.5 * np.log(math.pi * df)
            z = away / scale
            return np.asarray(height - np.log(scale) - 0.5 * (df + 1) * np.log1p(z**2 / df))
        if errors is not None:
            scale = np.hypot(scale, errors)
        if self.name == "undertuned":
            from scipy.stats import exponnorm

            return np.asarray(exponnorm.logpdf(away, values["noise_excess"] / scale, scale=scale))
        return np.asarray(-0.5 * (away / scale) ** 2 - np.log(scale) - 0.5 * math.log(2 * math.pi))

    def draw(
        self,
        rng: np.random.Generator,
        values: Mapping[str, Any],
        shape: tuple[int, ...],
        errors: Any = None,
    ) -> np.ndarray:
        """Draw deviations of log loss from the law."""
        if self.name == "student_t":
            unit = rng.standard_t(np.broadcast_to(values["noise_df"], shape))
        else:
            unit = rng.standard_normal(shape)
        deviations = np.asarray(values["noise_scale"] * unit)
        if self.name == "undertuned":
            deviations = deviations + values["noise_excess"] * rng.standard_exponential(shape)
        if errors is not None:
            deviations = deviations + errors * rng.standard_normal(shape)
        return deviations
