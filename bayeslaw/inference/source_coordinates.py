"""Coordinates in which a posterior of several sources is more nearly normal, for NUTS.

Of a law's term runs fix the amplitude, not its logarithm: terms that trade against each other
do so along a straight line in amplitudes, and logarithms of small amplitudes are hardly informed.
And the value of a group whose own runs hardly inform it is as wide as the spread between groups,
whatever that is: a funnel, unless its distance in units of the spread is sampled (Papaspiliopoulos,
Roberts and Skold 2007); that of a group of many runs is best sampled itself. Both ends, and all
between, are one formula where a pilot says how much its runs tell of a group.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayeslaw.inference.density import Density
from bayeslaw.inference.target import Target
from bayeslaw.inference.whitening import Whitening
from bayeslaw.model.model import Data
from bayeslaw.model.pooling import Pool

# The exponential function is softplus below minus this, in double precision.
_FAR = 36.0
# Draws that do not vary have a spread of so much, of the value itself or of its logarithm.
_LEAST = 1e-6


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bends:
    """Numbers of the change of coordinates, a row for each.

    Attributes
    ----------
    sizes : array of shape (parameters, 1)
        Logarithm of an amplitude's uncertainty; infinite for what is no amplitude.
    precisions, estimates : array of shape (parameters, 1)
        What its runs say of a group's value; not a number for what is no group's value, or is
        sampled as it is.
    commons, scales : array of shape (parameters, parameters)
        Choose the common value of a group's value and the spread; zero for the rest.
    lows, units : array of shape (parameters, 1)
        Lower end of the spread, and what it is stated in.
    """

    sizes: Any
    precisions: Any
    estimates: Any
    commons: Any
    scales: Any
    lows: Any
    units: Any

    @classmethod
    def none(cls, target: Target) -> Bends:
        """Coordinates as they are."""
        model, numbers = target.density.model, target.data.numbers
        count = len(model.sampled)
        commons, scales = np.zeros((2, count, count))
        lows, units = np.zeros((count, 1)), np.ones((count, 1))
        for pool, places in _groups(model):
            common, scale = (model.sampled.index(name) for name in (pool.parameter, pool.scale))
            commons[places, common] = scales[places, scale] = 1.0
            lows[places] = numbers[scale, 2]
            if dict(model.families)[pool.parameter] != "lognormal":
                units[places] = numbers[common, 1]
        sizes, unknown = np.full((count, 1), np.inf), np.full((count, 1), np.nan)
        return cls(sizes, unknown, unknown, commons, scales, lows, units)

    @classmethod
    def of_draws(cls, target: Target, z: np.ndarray) -> Bends:
        """Suited to draws of sampling coordinates, of shape (parameters, draws)."""
        model, bends = target.density.model, cls.none(target)
        sizes, soft = bends.sizes.copy(), _amplitudes(model)
        values = np.exp(z[soft])
        sizes[soft, 0] = np.log(np.maximum(values.std(axis=1), _LEAST * values.mean(axis=1)))
        told = np.concatenate([bends.precisions, bends.estimates], axis=1)
        common, spread = bends.of_groups(z, np)
        for _, places in _groups(model):
            for place in set(places) - set(soft):
                told[place] = _told(z[place], common[place], spread[place])
        return replace(bends, sizes=sizes, precisions=told[:, :1], estimates=told[:, 1:])

    def of_groups(self, z: Any, xp: ModuleType) -> tuple[Any, Any]:
        """Common value and spread of each coordinate; 0 and 1 for what is of no group."""
        return self.commons @ z, (self.lows + xp.exp(self.scales @ z)) * self.units

    def change(self, x: Any, xp: ModuleType) -> tuple[Any, Any]:
        """Sampling coordinates from x, both (parameters, points), and what the change adds.

        An amplitude is exp(size) softplus(x): exponential in x where it is small beside its
        uncertainty, linear above. A group's value is normal given the common value and the spread,
        as its runs were normal evidence of it: x is its distance from the mean of that.
        """
        soft = xp.isfinite(self.sizes)
        safe = xp.where(soft, x, 0.0)
        log = _log_softplus(safe, xp)
        z = xp.where(soft, xp.where(soft, self.sizes, 0.0) + log, x)
        # The slope of the softplus is the logistic function.
        added = xp.where(soft, xp.logaddexp(0.0, -safe) + log, 0.0)
        mean, sd = self._given(z, xp)
        return mean + sd * z, (added - xp.log(sd)).sum(axis=0)

    def inverse(self, z: np.ndarray) -> np.ndarray:
        """The inverse of ``change``, of shape (parameters, points)."""
        mean, sd = self._given(z, np)
        x = (z - mean) / sd
        soft = np.isfinite(self.sizes)
        above = np.where(soft, z - np.where(soft, self.sizes, 0.0), 0.0)
        # The inverse of softplus: log(exp(value) - 1).
        value = np.exp(np.maximum(above, -_FAR))
        inverse = np.where(above < -_FAR, above, value + np.log(-np.expm1(-value)))
        return np.where(soft, inverse, x)

    def _given(self, z: Any, xp: ModuleType) -> tuple[Any, Any]:
        """Mean and standard deviation of groups' values; 0 and 1 for the rest."""
        common, spread = self.of_groups(z, xp)
        known = xp.isfinite(self.precisions)
        own = xp.where(known, self.precisions, 0.0)
        total = own + spread**-2.0
        mean = (own * xp.where(known, self.estimates, 0.0) + common * spread**-2.0) / total
        return xp.where(known, mean, 0.0), xp.where(known, total**-0.5, 1.0)


@dataclass(frozen=True)
class BentDensity:
    """A density in such coordinates."""

    density: Density

    def potential(self, x: Any, data: tuple[Data, Bends]) -> Any:
        """Minus the log density at one point, up to a constant."""
        own, bends = data
        z, change = bends.change(x[:, None], jnp)
        return self.density.potential(z[:, 0], own) + change[0]


@dataclass(frozen=True)
class SourceCoordinates:
    """A target in such coordinates, and the affine ones on top of them that NUTS moves in."""

    target: Target
    bends: Bends
    whitening: Whitening

    @classmethod
    def of_draws(cls, target: Target, z: np.ndarray) -> SourceCoordinates:
        """Suited to draws of the target's coordinates, of shape (chains, draws, parameters)."""
        flat = z.reshape(-1, z.shape[-1]).T
        bends = Bends.of_draws(target, flat)
        return cls(target, bends, Whitening.of_draws(bends.inverse(flat).T))

    @property
    def density(self) -> BentDensity:
        """The density of x."""
        return BentDensity(self.target.density)

    @property
    def data(self) -> tuple[Data, Bends]:
        """What that density is a function of."""
        return self.target.device_data, self.bends

    def constrain(self, x: np.ndarray) -> np.ndarray:
        """The target's coordinates, parameters along the last axis."""
        z, _ = self.bends.change(x.reshape(-1, x.shape[-1]).T, np)
        return np.asarray(z.T.reshape(x.shape))


def _groups(model: Any) -> list[tuple[Pool, list[int]]]:
    """Coefficients whose groups' values are sampled, but for floors, with the places of these.

    The value at a group's typical run stands for its floor, and is fixed by its runs.
    """
    return [
        (pool, [model.sampled.index(site) for site in pool.sites])
        for pool in model.pool
        if pool.direct and pool.parameter != model.form.floor
    ]


def _amplitudes(model: Any) -> list[int]:
    """Places of logarithms of positive coefficients in which the law is linear.

    The logarithm of a common value is normal given those of the groups: it stays.
    """
    families, pooled = dict(model.families), {pool.parameter for pool in model.pool}
    linear = {n for n in model.form.linear if families[n] == "lognormal" and n != model.form.floor}
    places = [model.sampled.index(name) for name in model.form.linear if name in linear - pooled]
    return places + [i for pool, own in _groups(model) if pool.parameter in linear for i in own]


def _told(value: np.ndarray, common: np.ndarray, spread: np.ndarray) -> tuple[float, float]:
    """Precision and mean of normal evidence of a value, from draws of it and of its prior."""
    from scipy.optimize import minimize

    prior, centre = spread**-2.0, value.mean()
    size = max(value.std(), _LEAST)

    def surprise(at: np.ndarray) -> float:
        own = np.exp(at[0]) / size**2
        mean = (own * (centre + size * at[1]) + common * prior) / (own + prior)
        away = (value - mean) ** 2 * (own + prior) - np.log(own + prior)
        # Weak evidence has no mean: near that of the draws, then.
        return float(away.mean() + 1e-3 * (at**2).sum())

    found = minimize(surprise, np.zeros(2), method="Nelder-Mead").x
    return float(np.exp(found[0]) / size**2), float(centre + size * found[1])


def _log_softplus(x: Any, xp: ModuleType) -> Any:
    return xp.where(x < -_FAR, x, xp.log(xp.logaddexp(0.0, xp.maximum(x, -_FAR))))
