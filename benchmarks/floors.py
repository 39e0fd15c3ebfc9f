"""The least that parts could do, written by hand for zhao2025: ``parts.py`` sets it beside them."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from peers import best_shape
from scipy.special import logsumexp

import bayeslaw as bl


def by_hand(runs: bl.Runs, reference: bl.ReferenceRun, law: bl.Law) -> Callable[[Any], Any]:
    """Minus the log posterior density, in the coordinates that bayeslaw samples.

    Parameters
    ----------
    runs : Runs
        The table.
    reference : ReferenceRun
        Where the priors are stated.
    law : Law
        zhao2025.

    Returns
    -------
    callable
        From coordinates of shape (14,), in the order of ``law.parameters`` and then the noise's
        scale and degrees of freedom, to a number.
    """
    names = [*law.parameters, "noise_scale", "noise_df"]
    n, active, d, g, s = (runs.column(name) for name in ("N", "N_a", "D", "G", "S"))
    ln_n, ln_a, ln_d, share = np.log(n), np.log(active), np.log(d), active / n
    inverse, square, observed = 1 / g, s**2, np.log(runs.column("loss"))
    at, loss = reference.at, reference.loss
    at_n, at_a, at_d = (math.log(at[name]) for name in ("N", "N_a", "D"))
    ln = math.log
    priors = {
        **{"alpha": (ln(0.25), ln(2)), "beta": (ln(0.25), ln(2))},
        **{name: (ln(0.1), ln(3)) for name in "abc"},
        **{"e": (ln(3e-4), ln(4)), "f": (ln(50), ln(3)), "m": (ln(0.01), ln(3))},
        **{"n": (0.3, 0.3), "h": (ln(0.5), ln(5)), "k": (0.0, 0.1)},
        **{"noise_scale": (ln(0.005), ln(3)), "noise_df": (ln(5), 1.0)},
    }
    centre = np.array([priors[name][0] for name in names if name != "epsilon"])
    width = np.array([priors[name][1] for name in names if name != "epsilon"])
    where = [i for i, name in enumerate(names) if name != "epsilon"]

    def potential(z: Any) -> Any:
        v = dict(zip(names, z, strict=True))
        p = {name: jnp.exp(v[name]) for name in names if name not in ("epsilon", "n", "k")}
        there = jnp.exp(-p["alpha"] * at_n)
        size, data, rest = p["a"] * loss, p["b"] * loss, p["c"] * loss
        e, m = p["e"] * loss / there, p["m"] * loss / there
        f, slope = p["f"] * e, -2 * m * v["n"]
        h = p["h"] * there * at["N"] / at["N_a"]
        k = v["k"] * jnp.exp(p["alpha"] * (at_a - at_n))
        shape = e * at["G"] + f / at["G"] + m * at["S"] ** 2 + slope * at["S"]
        room = there + k * jnp.exp(-p["alpha"] * at_a) + h * at["N_a"] / at["N"]
        floor = v["epsilon"] * loss - (shape * room + size + data + rest)
        logged = jnp.log(floor / loss)
        whole, small = jnp.exp(p["alpha"] * (at_n - ln_n)), jnp.exp(p["alpha"] * (at_a - ln_a))
        shape = e * g + f * inverse + m * square + slope * s
        room = there * whole + k * jnp.exp(-p["alpha"] * at_a) * small + h * share
        value = shape * room + size * whole + rest * small + floor
        value = value + data * jnp.exp(p["beta"] * (at_d - ln_d))
        scale, df = p["noise_scale"], 1 + p["noise_df"]
        away = (observed - jnp.log(value)) / scale
        each = (df + 1) / 2 * jnp.log1p(away**2 / df).sum()
        gamma = jax.scipy.special.gammaln
        constant = gamma(df / 2) - gamma((df + 1) / 2) + jnp.log(scale) + jnp.log(df * jnp.pi) / 2
        prior = (((z[jnp.array(where)] - centre) / width) ** 2).sum()
        prior += ((logged - math.log(0.6)) / math.log(1.5)) ** 2
        return each + len(observed) * constant + prior / 2 + logged

    return potential


def law_by_hand(raw: Mapping[str, Any], at: Mapping[str, Any]) -> Any:
    """The law in NumPy.

    Parameters
    ----------
    raw, at : mapping
        Coefficients and variables, of shapes that broadcast.

    Returns
    -------
    ndarray
        Loss.
    """
    shape = raw["e"] * at["G"] + raw["f"] / at["G"] + raw["m"] * at["S"] ** 2 + raw["n"] * at["S"]
    whole, active = at["N"] ** -raw["alpha"], at["N_a"] ** -raw["alpha"]
    room = whole + raw["k"] * active + raw["h"] * at["N_a"] / at["N"]
    terms = raw["a"] * whole + raw["b"] * at["D"] ** -raw["beta"] + raw["c"] * active
    return shape * room + terms + raw["epsilon"]


def closed_form(raw: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Median and interval of the best G, S and N_a/N."""
    return [np.quantile(one, [0.055, 0.5, 0.945]) for one in best_shape(raw).values()]


def budgeted(raw: Mapping[str, np.ndarray]) -> None:
    """One slope in five variables by differences."""
    for _ in range(6):
        law_by_hand(raw, {"N": 1e11, "N_a": 1e10, "D": 1e12, "G": 7.0, "S": 0.3})


def leave_out(posterior: bl.Posterior) -> Any:
    """Importance sampling without smoothing: the log-likelihood, and its harmonic mean."""
    found = posterior.log_likelihood().reshape(-1, len(posterior.runs))
    return -logsumexp(-found, axis=0)


def predicted(raw: Mapping[str, np.ndarray], grid: Mapping[str, np.ndarray]) -> Any:
    """The law over draws and places, and three quantiles."""
    value = law_by_hand({name: one[:, None] for name, one in raw.items()}, grid)
    return np.quantile(value, [0.055, 0.5, 0.945], axis=0)


def drawn(posterior: bl.Posterior, pictures: int = 5) -> int:
    """The least that pictures of a page take.

    Parameters
    ----------
    posterior : Posterior
        What they show.
    pictures : int
        How many.

    Returns
    -------
    int
        Bytes.
    """
    import matplotlib.pyplot as plt

    total = 0
    for _ in range(pictures):
        figure, ax = plt.subplots()
        ax.hist(posterior.draws[next(iter(posterior.law.parameters))].ravel(), bins=50)
        held = io.BytesIO()
        figure.savefig(held, format="svg")
        plt.close(figure)
        total += len(held.getvalue())
    return total
