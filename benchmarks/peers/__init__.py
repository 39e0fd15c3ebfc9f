"""The same job by other tools: one adapter a file, each a function ``answer``.

``answer(path, law, seed, **options)`` reads a table of runs and returns, by quantity, the lower
end, middle and upper end of its 89% interval, NaN where the tool gives none, and a line on how far
the tool itself says that its answer can be trusted. An adapter imports its tool inside that
function, so that the time of an import belongs to the tool that needs it, and a tool that is not
installed stops nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: FLOPs for which the best number of parameters is asked of the dense law: those of Gopher.
FLOPS = 5.76e23
#: Parameters at which the best G, S and N_a/N are asked of the comprehensive law.
SIZE = 30e9
TAIL = 0.055

Answer = tuple[dict[str, tuple[float, float, float]], str]


@dataclass(frozen=True)
class Tool:
    """A way to do the job.

    Attributes
    ----------
    module : str
        Adapter in this folder.
    package : str
        What has to be installed.
    gives : str
        What its answer contains.
    quick : str
        Why it can be faster than bayeslaw, where it is.
    cannot : str
        Why it does not fit the comprehensive law; empty where it does.
    options : dict
        For the adapter.
    """

    module: str
    package: str
    gives: str
    quick: str = ""
    cannot: str = ""
    options: dict[str, Any] = field(default_factory=dict)


_BOOTSTRAP = (
    "point; draws of a bootstrap that resamples runs; any interval from them; no diagnostics"
)
_PLAIN = "it imports no JAX, compiles nothing, and knows exact slopes of this one law"
_POSTERIOR = (
    "joint posterior; intervals of coefficients, predictions and optima, each beside its prior's; "
    "convergence, identifiability and table notes; evidence and comparison from the same object"
)

TOOLS = {
    "chinchilla": Tool(
        "chinchilla_toolkit",
        "chinchilla",
        "point; its compute-optimal N and D; plots; no interval",
        "it gives a point only",
        "its law has N and D only",
    ),
    "simple-scaling-laws": Tool(
        "simple_scaling_laws",
        "simple-scaling-laws",
        "point; 1,000 draws of a wild cluster bootstrap; intervals of coefficients, predictions "
        "and the optimum; notes on design, fit and extrapolation",
        "it imports no JAX and compiles nothing, and searches two exponents only, since its laws "
        "are linear in floor and amplitudes",
        "none of its seven families has a term that turns in G or S, and a predictor must be "
        "positive, which S = 0 is not",
    ),
    "mixle": Tool(
        "mixle_ppl",
        "mixle",
        "4,000 draws of one random-walk chain; intervals of coefficients and predictions; the "
        "optimum as a point (its interval here is made from its draws); no diagnostics",
        "it imports no JAX, and takes 8,000 steps whether they mix or not: see its effective size",
        "its scaling law has N and D only; its language of models takes any log density, but then "
        "law, priors and step sizes are the user's work",
    ),
    "SciPy, 500 bootstraps": Tool(
        "scipy_bootstrap", "scipy", _BOOTSTRAP, _PLAIN, options={"resamples": 500}
    ),
    "SciPy, 4,000 bootstraps": Tool(
        "scipy_bootstrap", "scipy", _BOOTSTRAP, _PLAIN, options={"resamples": 4000}
    ),
    "NumPyro, raw coefficients": Tool(
        "numpyro_raw",
        "numpyro",
        "joint posterior under priors on raw coefficients; any interval from its draws; R-hat, "
        "effective sizes, divergences",
        "it works in single precision, and leaves out the optimum's prior and near-optimal set",
    ),
    "bayeslaw, NUTS": Tool("ours", "bayeslaw", _POSTERIOR, options={"method": "nuts"}),
    "bayeslaw, Laplace": Tool(
        "ours",
        "bayeslaw",
        "the same from importance-weighted draws around the mode, and a warning where those fail",
        "it draws from a normal approximation",
        options={"method": "laplace"},
    ),
}


def interval(draws: np.ndarray) -> tuple[float, float, float]:
    """Equal-tailed 89% interval around the median.

    Parameters
    ----------
    draws : ndarray
        Draws of one quantity; NaN where it has no value.

    Returns
    -------
    tuple of float
        Lower end, median, upper end.
    """
    low, middle, high = np.nanquantile(draws, [TAIL, 0.5, 1 - TAIL])
    return float(low), float(middle), float(high)


def point(value: float) -> tuple[float, float, float]:
    """An answer without an interval."""
    return np.nan, float(value), np.nan


def effective(draws: np.ndarray) -> float:
    """Effective size of one chain (Geyer 1992), for tools that do not tell it.

    Parameters
    ----------
    draws : ndarray of shape (draws,)
        One chain.

    Returns
    -------
    float
        Number of independent draws that say as much of the mean.
    """
    size = len(draws)
    spectrum = np.abs(np.fft.rfft(draws - draws.mean(), 2 * size)) ** 2
    correlation = np.fft.irfft(spectrum)[:size]
    pairs = (correlation / correlation[0])[: size // 2 * 2].reshape(-1, 2).sum(1)
    last = int(np.argmax(pairs < 0)) if (pairs < 0).any() else len(pairs)
    return float(size / (2 * pairs[:last].sum() - 1))


def best_size(raw: Mapping[str, np.ndarray]) -> np.ndarray:
    """Parameters of least loss at ``FLOPS`` = 6 N D, in closed form (Hoffmann et al. 2022).

    Parameters
    ----------
    raw : mapping of str to ndarray of shape (draws,)
        Coefficients A, B, alpha and beta of the dense law.

    Returns
    -------
    ndarray of shape (draws,)
        N.
    """
    total = raw["alpha"] + raw["beta"]
    ratio = np.log(raw["alpha"] * raw["A"]) - np.log(raw["beta"] * raw["B"])
    return np.exp((ratio + raw["beta"] * np.log(FLOPS / 6)) / total)


def best_shape(raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """G, S and N_a/N of least loss at ``SIZE`` under zhao2025, in closed form, within their bounds.

    Parameters
    ----------
    raw : mapping of str to ndarray of shape (draws,)
        Coefficients of the law.

    Returns
    -------
    dict of str to ndarray of shape (draws,)
        The three; NaN where a draw has none.
    """
    with np.errstate(all="ignore"):
        g = np.maximum(np.sqrt(raw["f"] / raw["e"]), 1.0)
        s = np.clip(-raw["n"] / (2 * raw["m"]), 0.0, 1.0)
        shape = raw["e"] * g + raw["f"] / g + raw["m"] * s**2 + raw["n"] * s
        pull = raw["alpha"] * (shape * raw["k"] + raw["c"]) * SIZE / (shape * raw["h"])
        share = pull ** (1 / (1 + raw["alpha"])) / SIZE
    return {"G": g, "S": s, "N_a/N": np.minimum(share, 1.0)}


def quantities(raw: Mapping[str, np.ndarray], law: str) -> dict[str, tuple[float, float, float]]:
    """What is asked of every tool, from draws of a law's coefficients."""
    if law == "zhao2025":
        return {name: interval(draws) for name, draws in best_shape(raw).items()}
    found = {name: interval(raw[name]) for name in ("E", "alpha", "beta")}
    return {**found, "N*": interval(best_size(raw))}
