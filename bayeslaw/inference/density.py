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
        away, change, centre, values = self.parts(z, data)
        log_likelihood = self.model.log_likelihood(centre, values, data)
        return 0.5 * (away**2).sum() - log_likelihood + change

    def covariance(self, common: Any, data: Data) -> Any:
        """Covariance of log losses around the law, from the coordinates that are not the law's."""
        names = self.model.sampled[self.own :]
        values = self._values(dict(zip(names, common, strict=True)), data, jnp)
        assert self.model.discrepancy is not None
        return self.model.discrepancy.marginal_covariance(
            values, data.inputs, data.weights, data.errors
        )

    def parts(self, z: Any, data: Data) -> tuple[Any, Any, Any, dict[str, Any]]:
        """Terms of ``potential``: standard normals, Jacobian, centre of log loss, parameters."""
        model = self.model
        moved = dict(zip(model.sampled, z, strict=True))
        normal, change, floor = self._normal(moved, data, jnp)
        together = jnp.stack([normal[name] for name in model.sampled])
        away = (together - data.numbers[:, 0]) / data.numbers[:, 1]
        values = self._values(normal, data, jnp)
        raw = model.raw(values, data, jnp)
        if floor is not None:
            raw[str(model.form.floor)] = floor
        if model.pool:
            raw = model.of_groups(raw, values, data, data.places, jnp)
        return away, change, model.centre(raw, data), values

    def constrain(self, z: Any, data: Data) -> dict[str, np.ndarray]:
        """Everything that is reported of a set of points."""
        moved = dict(zip(self.model.sampled, np.moveaxis(np.asarray(z), -1, 0), strict=True))
        normal, _, below = self._normal(moved, data, np)
        values = self._values(normal, data, np)
        sites = {self.model.site(name): value for name, value in values.items()}
        floor = self.model.form.floor
        raw = self.model.raw(values, data, np)
        if floor is None:
            return {**sites, **raw}
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
        if form.floor is not None:
            raw = self.model.raw(values, data, np)
            z[form.floor] = float(form.predict(data.at, raw)) / data.scale
        return np.array([z[name] for name in self.model.sampled])

    def recover(self, draws: Mapping[str, np.ndarray], data: Data) -> np.ndarray:
        """Sampling coordinates of what ``constrain`` returned."""
        z = []
        for name, family in self.model.families:
            if name == self.model.form.floor:
                z.append(draws["T"] / data.scale)
                continue
            value = draws[self.model.site(name)]
            z.append(np.log(value - data.priors[name][2]) if family == "lognormal" else value)
        return np.stack(z, axis=-1)

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
        if floor is None:
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
        least = xp.exp(centre - DEEPEST * scale)
        above = xp.maximum(share - low, least)
        steepness = xp.maximum(DEEPEST / scale - 1.0, 1.0) / least
        change = steepness * xp.maximum(least - (share - low), 0.0) + xp.log(above)
        return {**moved, floor: xp.log(above)}, change + volume, below

    def _values(self, normal: Mapping[str, Any], data: Data, xp: ModuleType) -> dict[str, Any]:
        """From coordinates with normal priors to what the priors are stated on."""
        families = dict(self.model.families)
        return {
            name: data.priors[name][2] + xp.exp(value) if families[name] == "lognormal" else value
            for name, value in normal.items()
        }
