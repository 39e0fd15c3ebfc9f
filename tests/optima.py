"""Posteriors with given draws, and closed forms of their optima."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.model.model import prior_site
from bayeslaw.model.noise import Noise
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.problem import Problem
from bayeslaw.optimum.request import Request
from bayeslaw.optimum.search import Solution, minimise
from bayeslaw.posterior.info import FitInfo

CHAINS, DRAWS = 4, 50


#: Draws of the small posteriors; all have as many, so that they share compiled code.
SIZE = CHAINS * DRAWS


#: A minimiser is as exact as the gradient that it is found by: 1e-9 over a curvature of .01.
TOLERANCE = 1e-6


def made(law: bl.Law, runs: bl.Runs, raw: Mapping[str, np.ndarray]) -> bl.Posterior:
    """A posterior with given draws of the coefficients."""
    reference = bl.ReferenceRun.of(runs, law.variables, law.predicts)
    wide = {name: np.broadcast_to(raw[name], SIZE) for name in law.parameters}
    on = law.form.to_on(wide, reference.at, reference.loss)
    flat = {
        **wide,
        **{prior_site(law.form, name): np.broadcast_to(on[name], SIZE) for name in on},
        "noise_scale": np.full(SIZE, 0.003),
        "noise_df": np.full(SIZE, 6.0),
        "T": law.form.predict(reference.at, wide),
    }
    shape = (CHAINS, DRAWS)
    posterior = bl.Posterior(
        law=law,
        runs=runs,
        reference=reference,
        noise=Noise("student_t"),
        draws={name: np.array(values).reshape(shape) for name, values in flat.items()},
        stats={"diverging": np.zeros(shape, bool), "energy": np.zeros(shape)},
        notes=(),
        info=FitInfo(),
    )
    return with_small_prior(posterior)


def with_small_prior(posterior: bl.Posterior) -> bl.Posterior:
    """The same with 200 draws of the prior, since 4000 take most of a search's time."""
    posterior = replace(posterior)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bayeslaw.posterior.posterior._PRIOR_DRAWS", SIZE)
        assert len(posterior.prior["alpha"]) == SIZE
    return posterior


def jittered(values: Mapping[str, float], by: float, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {k: v * np.exp(by * rng.standard_normal(SIZE)) for k, v in values.items()}


def solve(problem: Problem, draws: Mapping[str, np.ndarray]) -> Solution:
    """The search for one problem."""
    return minimise([problem], draws)[0]


def codes(answer: bl.Optimum) -> list[str]:
    return [note.code for note in answer.notes]


def message(answer: bl.Optimum, code: str) -> str:
    (found,) = [note.message for note in answer.notes if note.code == code]
    return found


def unclipped(raw: Mapping[str, np.ndarray], N: float) -> dict[str, np.ndarray]:
    """The closed form at fixed N, G and S clipped where A needs them."""
    G, S = np.sqrt(raw["f"] / raw["e"]), -raw["n"] / (2 * raw["m"])
    legal_G, legal_S = np.maximum(G, 1), np.clip(S, 0, 1)
    A = raw["e"] * legal_G + raw["f"] / legal_G + raw["m"] * legal_S**2 + raw["n"] * legal_S
    alpha = raw["alpha"]
    power = alpha * (A * raw["k"] + raw["c"]) * N / (np.abs(A) * raw["h"])
    # Where A is not positive the law falls in N_a all the way.
    N_a = np.where(A > 0, np.abs(power) ** (1 / (1 + alpha)), np.inf)
    return {"G": G, "S": S, "N_a": N_a}


def closed(raw: Mapping[str, np.ndarray], N: float) -> dict[str, np.ndarray]:
    """Each variable can be clipped by itself: the shape's factor is positive, and so G and S
    minimise the shape wherever N_a is; in N_a the law then has one valley.
    """
    best = unclipped(raw, N)
    clipped = {"G": np.maximum(best["G"], 1), "S": np.clip(best["S"], 0, 1)}
    return {**clipped, "N_a": np.minimum(best["N_a"], N)}


def at_optimum(posterior: bl.Posterior, **budget: Any) -> tuple[Any, dict[str, np.ndarray], Any]:
    """The problem, every draw's configuration, and the solution."""
    request = Request.of("optimum", budget=bl.Budget(**budget))
    problem = pose(posterior.law, posterior.reference, request)
    solution = solve(problem, posterior.coefficients())
    assert solution.converged.all()
    return problem, problem.columns(solution.x), solution


CAPPED: dict[str, dict[str, Any]] = {
    "parameters": {"train_flops": 1e24, "max_params": 1e11},
    "parameters and tokens": {"train_flops": 1e24, "max_params": 1e11, "max_tokens": 2e12},
    "all at once": {
        "train_flops": 1e24,
        "max_params": 1e12,
        "max_tokens": 2e12,
        "max_active": 2e10,
        "max_total_per_active": 20,
    },
    "a ratio alone": {"train_flops": 1e23, "max_total_per_active": 10},
    "tokens per active parameter": {
        "train_flops": 1e24,
        "max_params": 1e11,
        "max_tokens_per_active": 50,
    },
    "memory": {"train_flops": 1e24, "max_memory": 80e9, "bytes_per_param": 1},
    "lifetime": {"lifetime_flops": 1e24, "inference_tokens": 1e13, "max_params": 1e11},
    "a cap of one's own": {"train_flops": 1e23, "caps": {"N**0.5 * D**0.25": 1e9}},
}
