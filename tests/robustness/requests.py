"""Requests: every public function, with odd values for what it takes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from hypothesis import strategies as st

import bayeslaw as bl
from bayeslaw.cli.show import plain
from robustness.odd import TEXTS, brief, values
from robustness.outcome import Attempt


@dataclass(frozen=True)
class Material:
    """What requests are made of: runs, a posterior of them, its file, a folder to write to."""

    runs: bl.Runs
    posterior: bl.Posterior
    saved: Path
    table: Path
    folder: Path


class SamplingBegins(Exception):
    """A fit would start: all of its options were accepted."""


def _begin(*args: Any, **options: Any) -> None:
    raise SamplingBegins


@contextmanager
def no_sampling() -> Iterator[None]:
    """Stop every fit where sampling begins."""
    with patch.object(import_module("bayeslaw.inference.fit"), "find_mode", _begin):
        yield


def _fits(call: Callable[..., Any]) -> Callable[..., Any]:
    def stopped(**options: Any) -> None:
        with no_sampling():
            try:
                call(**options)
            except SamplingBegins:
                return

    return stopped


def material(folder: Path) -> Material:
    """One small fit that all requests share."""
    runs = bl.simulate("chinchilla", rows=24, noise_sd=0.01, seed=3)
    posterior = bl.fit(
        runs, "chinchilla", method="laplace", chains=2, draws=100, seed=1, progress=False
    )
    posterior.save(folder / "fit.nc")
    runs.write(folder / "runs.csv")
    return Material(runs, posterior, folder / "fit.nc", folder / "runs.csv", folder)


def calls(given: Material) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Public functions and methods with options that they accept."""
    posterior, runs, folder = given.posterior, given.runs, given.folder
    budget, law = bl.Budget(train_flops=1e21), bl.law("chinchilla")
    small = {"N": [1e9, 2e9], "D": [1e10, 4e10]}
    fit = {"runs": runs, "law": "chinchilla", "seed": 1, "chains": 2, "draws": 100, "warmup": 100}
    fit |= {"progress": False, "noise": "normal"}
    more = {"method": "laplace", "discrepancy": None, "pool": (), "reference": None}
    spent = {"max_params": 1e11, "max_tokens": 1e13, "max_active": None, "caps": {"D/N": 100.0}}
    held = {"posterior": posterior, "ci_prob": 0.89}
    size = {"budget": budget, "at": None, "free": None}
    simulated = {"law": law, "design": "independent", "rows": 5, "noise_sd": 0.01, "seed": 1}
    names = ["chinchilla", "power_law"]
    both = {**fit, "leave": None, "over": None, "cuts": (0.2,), "force": False}
    return {
        "optimum": (bl.optimum, {**held, **size, "regret_tolerance": 0.001, "efficiency": None}),
        "frontier": (bl.frontier, {**held, "flops": [1e20, 1e21], "budget": None, "at": None}),
        "cheapest": (bl.cheapest, {**held, "target": 2.6, "probability": 0.9, "at": None}),
        "decide": (bl.decide, {**held, "candidates": small, "regret_tolerance": 0.01, "at": None}),
        "predict": (posterior.predict, {"new": small, "level": "run", "seed": 1, "ci_prob": 0.5}),
        "variance_shares": (posterior.variance_shares, {"new": small}),
        "to_frame": (posterior.to_frame, {"ci_prob": 0.5}),
        "of_group": (posterior.of_group, {"family": "a"}),
        "Budget": (bl.Budget, {"train_flops": 1e20, **spent, "cost": "6*N*D"}),
        "EfficiencyRules": (bl.EfficiencyRules, {"slope": 0.4, "fraction": 0.2}),
        "average_laws": (bl.average_laws, {"posteriors": [posterior, posterior], "weights": None}),
        "check_new_runs": (bl.check_new_runs, {**held, "new_runs": runs, "seed": 1}),
        "predictive": (bl.posterior_predictive_check, {**held, "over": "N", "parts": 4, "seed": 1}),
        "prior_sensitivity": (bl.prior_sensitivity, {"posterior": posterior, "best": None}),
        "savage_dickey": (bl.savage_dickey, {"posterior": posterior, "name": "E", "value": 1.7}),
        "replicate_noise": (bl.replicate_noise, {"runs": runs, "same": None, "ci_prob": 0.9}),
        "simulate": (bl.simulate, {**simulated, "coefficients": None}),
        "draw_design": (bl.draw_design, {"law": law, "kind": "independent", "rows": 3, "seed": 1}),
        "expert_grid": (bl.expert_grid, {"routed": [1, 2], "shared": [0, 1]}),
        "law": (bl.law, {"name": "chinchilla"}),
        "check_card": (bl.check_card, {"law": "power_law"}),
        "law.predict": (law.predict, {"N": 1e9, "D": 2e10, "coefficients": None}),
        "law.published": (law.published, {"name": None}),
        "constrain": (lambda **given: law.constrain(*given.values()), {"one": "alpha = beta"}),
        "with_priors": (law.with_priors, {"A": {"family": "lognormal", "median": 1, "factor": 2}}),
        "from_formula": (
            bl.Law.from_formula,
            {"text": "E + A/N**a", "variables": ["N"], "priors": {}, "name": "x", "predicts": "L"},
        ),
        "load": (bl.load, {"path": given.saved}),
        "report": (
            bl.report,
            {**held, "path": folder / "report.html", **size, "question": "Q", "source": "fit.nc"},
        ),
        "fit": (_fits(bl.fit), {**fit, **more}),
        "fit_many": (_fits(bl.fit_many), {"tables": [runs], **_without(fit, "runs"), "rows": None}),
        "fit_by_group": (_fits(bl.fit_by_group), {**fit, "by": "family"}),
        "compare": (_fits(bl.compare), {**_without(both, "law"), "laws": names}),
        "compare_nested": (_fits(bl.compare_nested), {**both, "constraint": "alpha = beta"}),
        "speedup": (
            bl.speedup,
            {"source": {"a": posterior, "b": posterior}, "variant": "a", "baseline": "b",
             "over": "D", "at": {"D": [1e10, "1T"]}, "loss": None, "throughput": 1.0,
             "ci_prob": 0.5},
        ),
        "speedup of runs": (
            _fits(bl.speedup),
            {"source": runs, "law": law, "by": "N", "variant": "a", "baseline": "b",
             "shared": False},
        ),
        "calibrate": (
            _fits(bl.calibrate),
            {**_without(fit, "runs"), "design": "independent", "rows": 8, "tables": 2, "at": None},
        ),
        "numpyro_model": (bl.numpyro_model, {"runs": runs, "law": "chinchilla", **_without(
            more, "method")}),
        "buildable": (bl.buildable, {"family": "olmoe", "N": "1B", "G": None, "tolerance": 0.2}),
        "architecture": (bl.architecture, {"source": {"model_type": "llama"}}),
        "GaussianProcess": (bl.GaussianProcess, {}),
        "rolling_origin": (_fits(bl.rolling_origin), {**held, "over": None, "origins": 2}),
    }  # fmt: skip


def _without(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in names}


def check(answer: Any) -> None:
    """What an answer holds is in order and can be written down."""
    if isinstance(answer, pd.DataFrame) and {"low", "median", "high"} <= set(answer.columns):
        ends = answer[["low", "median", "high"]].to_numpy(dtype=float)
        # NaN where there is no optimum.
        assert not (np.diff(ends, axis=1) < 0).any(), "an interval is out of order"
    if hasattr(answer, "to_dict") and hasattr(answer, "notes"):
        json.dumps(plain(answer.to_dict()))
        assert isinstance(answer.summary, str)
        assert len(answer.summary) > 0
    if isinstance(answer, bl.Optimum):
        for quantity in answer.quantities.values():
            ends = [quantity.low, quantity.median, quantity.high]
            assert any(map(math.isnan, ends)) or ends == sorted(ends), "an interval out of order"
    if isinstance(answer, bl.Runs):
        assert all(np.isfinite(answer.column(name)).all() for name in answer.variables)


#: Odd values for options that take mappings and lists.
NESTED = st.sampled_from(("N", "D", "G", "x", "C", "loss", "")).flatmap(
    lambda name: values.map(lambda value: {name: value})
) | st.lists(values, max_size=2)


def attempts(given: Material) -> st.SearchStrategy[Attempt]:
    """Calls with one or two options replaced, or one that does not exist."""
    table = calls(given)

    @st.composite
    def request(draw: st.DrawFn) -> Attempt:
        name = draw(st.sampled_from(sorted(table)))
        called, options = table[name]
        options, replaced = dict(options), {}
        for _ in range(draw(st.integers(1, 2))):
            option = draw(st.sampled_from((*options, "random_seed")))
            # An iterator of ours would be used up by the first that reads it.
            replaced[option] = draw(values | values | NESTED)
        text = f"{name}({', '.join(f'{key}={brief(value)}' for key, value in replaced.items())})"
        return Attempt(text, lambda: called(**options | replaced), check)

    return request()


def odd_budgets() -> st.SearchStrategy[dict[str, Any]]:
    """Options of a budget that a caller may mean."""
    amounts = st.sampled_from((1e18, 1e21, 1e27, 1e-3, 1e300, "1T"))
    names = st.sampled_from(("train_flops", "lifetime_flops", "inference_tokens", "max_params"))
    caps = st.dictionaries(st.sampled_from(("N", "D/N", "1/N", "N*0", *TEXTS)), amounts, max_size=2)
    return st.dictionaries(names, amounts, max_size=3).flatmap(
        lambda given: caps.map(lambda cap: {**given, "caps": cap})
    )


def questions(given: Material) -> st.SearchStrategy[Attempt]:
    """Optima at sizes and budgets over the whole range of numbers."""
    at = st.dictionaries(st.sampled_from(("N", "D")), st.floats(1e-3, 1e40), max_size=2)

    def ask(at: dict[str, float], budget: dict[str, Any]) -> Attempt:
        def call() -> bl.Optimum:
            return bl.optimum(given.posterior, at=at or None, budget=bl.Budget(**budget))

        return Attempt(f"optimum(at={at}, budget={brief(budget)})", call, check)

    return st.builds(ask, at, odd_budgets())
