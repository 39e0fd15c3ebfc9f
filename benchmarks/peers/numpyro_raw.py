"""NumPyro's NUTS on the paper's own coefficients, with weak priors and default settings.

As one would write it at first: every coefficient under a wide half-normal prior of its own unit, a
Student-t on log loss, four chains of a thousand draws after a thousand of warm-up, in single
precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from peers import Answer, quantities

# Standard deviations of half-normal priors; n and k may have either sign.
DENSE = {"E": 5.0, "A": 2e3, "B": 1e4, "alpha": 1.0, "beta": 1.0}
COMPREHENSIVE = {
    **{"alpha": 1.0, "beta": 1.0, "a": 1e2, "b": 1e5, "c": 1e2, "epsilon": 5.0},
    **{"e": 1.0, "f": 20.0, "m": 20.0, "n": 20.0, "h": 1.0, "k": 0.1},
}


def answer(path: str, law: str, seed: int) -> Answer:
    """Draw the coefficients."""
    import jax
    import jax.numpy as jnp
    import numpyro
    from numpyro import distributions as dist
    from numpyro.diagnostics import summary
    from numpyro.infer import MCMC, NUTS

    table = np.genfromtxt(path, delimiter=",", names=True)
    x = {name: jnp.asarray(table[name]) for name in table.dtype.names or ()}
    scales = COMPREHENSIVE if law == "zhao2025" else DENSE

    def model() -> None:
        p: dict[str, Any] = {}
        for name, scale in scales.items():
            signed = law == "zhao2025" and name in ("n", "k")
            prior = dist.Normal(0.0, scale) if signed else dist.HalfNormal(scale)
            p[name] = numpyro.sample(name, prior)
        if law == "zhao2025":
            shape = p["e"] * x["G"] + p["f"] / x["G"] + p["m"] * x["S"] ** 2 + p["n"] * x["S"]
            whole, active = x["N"] ** -p["alpha"], x["N_a"] ** -p["alpha"]
            room = whole + p["k"] * active + p["h"] * x["N_a"] / x["N"]
            loss = shape * room + p["a"] * whole + p["c"] * active + p["epsilon"]
            loss = loss + p["b"] * x["D"] ** -p["beta"]
        else:
            loss = p["E"] + p["A"] * x["N"] ** -p["alpha"] + p["B"] * x["D"] ** -p["beta"]
        sigma = numpyro.sample("sigma", dist.HalfNormal(0.1))
        df = numpyro.sample("df", dist.Gamma(2.0, 0.1))
        numpyro.sample("obs", dist.StudentT(df, jnp.log(loss), sigma), obs=jnp.log(x["loss"]))

    sampler = MCMC(NUTS(model), num_warmup=1000, num_samples=1000, num_chains=4, progress_bar=False)
    sampler.run(jax.random.key(seed))
    draws = sampler.get_samples(group_by_chain=True)
    found = summary(draws)
    worst = max(float(one["r_hat"]) for one in found.values())
    least = min(float(one["n_eff"]) for one in found.values())
    diverging = int(sampler.get_extra_fields()["diverging"].sum())
    raw = {name: np.asarray(values, dtype=float).ravel() for name, values in draws.items()}
    said = f"R-hat {worst:.3g}, least effective size {least:.0f}, {diverging} divergences"
    return quantities(raw, law), said
