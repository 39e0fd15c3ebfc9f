"""The log density that is sampled, in coordinates in which it is nearly normal.

A parameter is moved on the scale where its prior is normal. The floor is moved as T, the law's
value at the reference run over the reference scale: the runs fix the sum of all terms there about
a hundred times better than any single term, and in T that ridge is straight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np

from bayeslaw.model.model import Data, Model
from bayeslaw.model.pooling import Pool

#: The floor's prior is followed this many standard deviations down; below, its log density goes on
#: as a straight line, so that a T below the sum of the other terms is steeply unlikely, never NaN.
DEEPEST = 4.0


@dataclass(frozen=True)
class Density:
    """Minus the log posterior density of a model, as a function of a flat vector.

    Attributes
    ----------
    model : Model
        The NumPyro model of which this is the density.
    """

    model: Model

    @property
    def own(self) -> int:
        """Number of the law's coordinates, before those of noise and discrepancy."""
        assert self.model.discrepancy is not None
        return len(self.model.sampled) - len(self.model.discrepancy.priors) - 1

    def potential(self, z: Any, data: Data) -> Any:
        """Minus the log density at one point, up to a constant.

        It is that of the NumPyro model, term by term (a test holds the two together); going through
        NumPyro's handlers would cost half as much again to trace, to compile and to evaluate.
        """
        prior, log_likelihood = self.prior_and_likelihood(z, data)
        return prior - log_likelihood

    def prior_and_likelihood(self, z: Any, data: Data) -> tuple[Any, Any]:
        """What the prior adds to the potential, and the log likelihood that is subtracted."""
        away, change, centre, values = self.parts(z, data)
        return 0.5 * (away**2).sum() + change, self.model.log_likelihood(centre, values, data)

    def covariance(self, common: Any, data: Data) -> Any:
        """Covariance of log losses around the law, from the coordinates that are not the law's."""
        names = self.model.sampled[self.own :]
        values = self._values(dict(zip(names, common, strict=True)), data, jnp)
        return self.model.covariance(values, data)

    def parts(self, z: Any, data: Data) -> tuple[Any, Any, Any, dict[str, Any]]:
        """Terms of ``potential``: standard normals, Jacobian, centre of log loss, parameters."""
        model = self.model
        moved = dict(zip(model.sampled, z, strict=True))
        normal, change, floor = self._normal(moved, data, jnp)
        normal, direct, floors = self._distances(normal, data, jnp)
        change = change + direct
        together = jnp.stack([normal[name] for name in model.sampled])
        away = (together - data.numbers[:, 0]) / data.numbers[:, 1]
        values = self._values(normal, data, jnp)
        raw = model.raw(values, data, jnp)
        if floor is not None:
            raw[str(model.form.floor)] = floor
        if model.pool:
            raw = model.of_groups(raw, values, data, data.places, jnp)
            values = model.noise_of_groups(values, data, data.places, jnp)
        if floors is not None:
            raw[str(model.form.floor)] = floors[self._places_of_floors(data)]
        return away, change, model.centre(raw, data), values

    def constrain(self, z: Any, data: Data) -> dict[str, np.ndarray]:
        """Everything that is reported of a set of points."""
        moved = dict(zip(self.model.sampled, np.moveaxis(np.asarray(z), -1, 0), strict=True))
        normal, _, below = self._normal(moved, data, np)
        normal, _, _ = self._distances(normal, data, np)
        values = self._values(normal, data, np)
        sites = {self.model.site(name): value for name, value in values.items()}
        floor = self.model.form.floor
        raw = self.model.raw(values, data, np)
        if floor is None:
            return {**sites, **raw}
        if below is None:
            return {**sites, **raw, "T": np.asarray(self.model.form.predict(data.at, raw))}
        # Where the prior is followed no further, the likelihood saw a floor further down: reported
        # is the one that predicts as it did.
        raw[floor] = np.where(np.isclose(below, raw[floor], rtol=1e-6), raw[floor], below)
        return {**sites, **raw, "T": moved[floor] * data.scale}

    def locate(self, values: Mapping[str, float], data: Data) -> np.ndarray:
        """Sampling coordinates of given parameters: the inverse of ``constrain``."""
        z = {
            name: np.log(values[name] - data.priors[name][2])
            if family == "lognormal"
            else values[name]
            for name, family in self.model.families
        }
        form = self.model.form
        if form.floor is not None and self._pool_of_floors is None:
            raw = self.model.raw(values, data, np)
            z[form.floor] = float(form.predict(data.at, raw)) / data.scale
        z |= self._directly(values, data)
        return np.array([z[name] for name in self.model.sampled])

    def levels(self, data: Data) -> dict[int, float]:
        """A start for coordinates that are values at the reference run, by their place."""
        sampled, pool = self.model.sampled, self._pool_of_floors
        if pool is not None:
            places = self._places_of_floors(data)
            means = [np.mean(data.observed[places == i]) for i in range(len(pool.sites))]
            own = zip(pool.sites, means, strict=True)
            return {sampled.index(site): float(np.exp(mean) / data.scale) for site, mean in own}
        if self.model.form.floor is None:
            return {}
        level = np.exp(np.mean(data.observed[data.counted])) / data.scale
        return {sampled.index(self.model.form.floor): float(level)}

    def recover(self, draws: Mapping[str, np.ndarray], data: Data) -> np.ndarray:
        """Sampling coordinates of what ``constrain`` returned."""
        z, values = {}, {name: draws[self.model.site(name)] for name in self.model.sampled}
        for name, family in self.model.families:
            if name == self.model.form.floor and self._pool_of_floors is None:
                z[name] = draws["T"] / data.scale
                continue
            value = values[name]
            z[name] = np.log(value - data.priors[name][2]) if family == "lognormal" else value
        z |= self._directly(values, data)
        return np.stack([z[name] for name in self.model.sampled], axis=-1)

    def constant(self, data: Data) -> float:
        """What has to be added to ``potential`` to make it minus log of prior times likelihood.

        The likelihood carries its constants already, and the change of variables its Jacobian; the
        priors lack theirs. Where the floor's prior goes on as a straight line, its mass differs
        from 1 by up to 1e-4: that is divided out, so that the prior is a distribution.
        """
        scales = np.asarray(data.numbers)[:, 1]
        missing = float(np.log(scales).sum() + 0.5 * len(scales) * np.log(2 * np.pi))
        floor = self.model.form.floor
        if floor is None or dict(self.model.families)[floor] == "normal":
            return missing
        scale = scales[self.model.sampled.index(floor)]
        height = math.exp(-0.5 * DEEPEST**2) / (scale * math.sqrt(2 * math.pi))
        below = height / max(DEEPEST / scale - 1.0, 1.0)
        above = 0.5 * math.erfc(-DEEPEST / math.sqrt(2))
        return missing + math.log(above + below)

    def _normal(
        self, moved: Mapping[str, Any], data: Data, xp: ModuleType
    ) -> tuple[dict[str, Any], Any, Any]:
        """Coordinates with normal priors, what the change of variables adds, and the floor."""
        form = self.model.form
        floor = form.floor
        if floor is None or self._pool_of_floors is not None:
            return dict(moved), 0.0, None
        values = self._values({n: v for n, v in moved.items() if n != floor}, data, xp)
        raw = self.model.raw(values, data, xp)
        others = form.predict(data.at, {**raw, floor: 0.0}, xp)
        # One where the floor is simply added.
        unit = form.predict(data.at, {**raw, floor: 1.0}, xp) - others
        offset, slope = form.line(floor, {**form.in_letters(data.at, xp), **raw}, data.scale, xp)
        # The likelihood takes T itself, also where T is below the other terms: only the prior
        # penalises that, with a slope that a trajectory can turn on.
        below = (moved[floor] * data.scale - others) / unit
        share = offset + slope * below
        # From T to what the prior is stated on: nothing where that is the share of the scale.
        volume = -xp.log(xp.abs(slope * data.scale / unit))
        centre, scale, low = data.priors[floor]
        if dict(self.model.families)[floor] == "normal":
            return {**moved, floor: share}, volume, below
        logarithm, change = _logarithm(share - low, centre, scale, xp)
        return {**moved, floor: logarithm}, change + volume, below

    @property
    def _pool_of_floors(self) -> Pool | None:
        """The pool of floors that are sampled by themselves."""
        floor = self.model.form.floor
        pools = (pool for pool in self.model.pool if pool.direct and pool.parameter == floor)
        return next(pools, None)

    def _places_of_floors(self, data: Data) -> Any:
        """The place of every run among the groups that have a floor."""
        (row,) = (i for i, pool in enumerate(self.model.pool) if pool is self._pool_of_floors)
        assert data.places is not None
        return data.places[row]

    def _distances(
        self, moved: Mapping[str, Any], data: Data, xp: ModuleType
    ) -> tuple[dict[str, Any], Any, Any]:
        """Distances of groups from the common value, of those that are sampled by themselves.

        With what the change of variables adds, and the floors, where the law's value at the typical
        run of each group is sampled: its runs fix that, whatever they say of the floor.
        """
        normal, change, floors = dict(moved), 0.0, None
        families = dict(self.model.families)
        pools = [pool for pool in self.model.pool if pool.direct]
        # The floors last, since a floor follows from the other coefficients of its group.
        for pool in sorted(pools, key=lambda pool: pool is self._pool_of_floors):
            own = xp.stack([moved[site] for site in pool.sites])
            # One standard deviation of a normal prior is the unit of a spread.
            unit = (
                1.0 if families[pool.parameter] == "lognormal" else data.priors[pool.parameter][1]
            )
            spread = (data.priors[pool.scale][2] + xp.exp(moved[pool.scale])) * unit
            if pool is self._pool_of_floors:
                own, added, floors = self._floors(own, normal, spread, data, xp)
                change = change + added
            away = (own - moved[pool.parameter]) / spread
            change = change + len(pool.sites) * xp.log(spread)
            normal |= {site: away[i] for i, site in enumerate(pool.sites)}
        return normal, change, floors

    def _floors(
        self, own: Any, normal: Mapping[str, Any], spread: Any, data: Data, xp: ModuleType
    ) -> tuple[Any, Any, Any]:
        """Logarithms of floors from the groups' values at their typical runs, and the floors."""
        form, floor = self.model.form, str(self.model.form.floor)
        raw = self._raw_of_groups(normal, data, xp)
        at = self._points(data, xp.ndim(own))
        others = form.predict(at, {**raw, floor: 0.0}, xp)
        unit = form.predict(at, {**raw, floor: 1.0}, xp) - others
        offset, slope = form.line(floor, {**form.in_letters(data.at, xp), **raw}, data.scale, xp)
        floors = (own * data.scale - others) / unit
        low = data.priors[floor][2]
        share = offset + slope * floors - low
        logarithm, change = _logarithm(share, normal[floor], spread, xp)
        volume = -xp.log(xp.abs(slope * data.scale / unit)) + xp.zeros_like(own)
        return logarithm, (change + volume).sum(axis=0), floors

    def _points(self, data: Data, dimensions: int) -> dict[str, Any]:
        """The typical run of every group that has a floor, groups along the first axis."""
        assert data.points is not None
        shape = (-1, *(1,) * (dimensions - 1))
        return {name: data.points[i].reshape(shape) for i, name in enumerate(data.variables)}

    def _raw_of_groups(
        self, normal: Mapping[str, Any], data: Data, xp: ModuleType
    ) -> dict[str, Any]:
        """Raw coefficients of every group that has a floor, but for the floor."""
        pool = self._pool_of_floors
        assert pool is not None
        sites = {*pool.sites}
        known = {name: value for name, value in normal.items() if name not in sites}
        values = self._values(known, data, xp)
        # Any distance: the floor is left out of what is computed with these.
        values |= dict.fromkeys(pool.sites, 0.0 * values[pool.scale])
        places = self._places_of_firsts(data)
        return self.model.of_groups(self.model.raw(values, data, xp), values, data, places, xp)

    def _places_of_firsts(self, data: Data) -> list[Any]:
        """The places of a run of each group that has a floor, for every pooled coefficient."""
        assert data.places is not None
        return [place[data.firsts] for place in data.places]

    def _directly(self, values: Mapping[str, Any], data: Data) -> dict[str, Any]:
        """Coordinates of groups that are sampled by themselves: the inverse of ``_distances``."""
        z: dict[str, Any] = {}
        families, model = dict(self.model.families), self.model
        for pool in model.pool:
            if not pool.direct:
                continue
            name = pool.parameter
            if pool is self._pool_of_floors:
                firsts = self._places_of_firsts(data)
                raw = model.of_groups(model.raw(values, data, np), values, data, firsts, np)
                at = self._points(data, np.ndim(values[name]) + 1)
                own = np.asarray(model.form.predict(at, raw)) / data.scale
            else:
                places = np.arange(len(pool.sites))
                own = pool.move(values, data.priors[name], families[name], places, np)
                own = np.log(own - data.priors[name][2]) if families[name] == "lognormal" else own
            z |= {site: own[i] for i, site in enumerate(pool.sites)}
        return z

    def _values(self, normal: Mapping[str, Any], data: Data, xp: ModuleType) -> dict[str, Any]:
        """From coordinates with normal priors to what the priors are stated on."""
        families = dict(self.model.families)
        return {
            name: data.priors[name][2] + xp.exp(value) if families[name] == "lognormal" else value
            for name, value in normal.items()
        }


def _logarithm(value: Any, centre: Any, scale: Any, xp: ModuleType) -> tuple[Any, Any]:
    """Logarithm with a lognormal prior, and what the change of variables adds to the potential.

    Below ``DEEPEST`` standard deviations the logarithm ends and the potential rises as a line.
    """
    least = xp.exp(centre - DEEPEST * scale)
    above = xp.maximum(value, least)
    steepness = xp.maximum(DEEPEST / scale - 1.0, 1.0) / least
    return xp.log(above), steepness * xp.maximum(least - value, 0.0) + xp.log(above)
