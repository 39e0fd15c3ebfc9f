"""Which coefficients the configurations of a table inform, whatever its losses are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.checks.card import TYPICAL_LOSS
from bayeslaw.law import Law
from bayeslaw.law.library import cards
from bayeslaw.model.identifiability import Informed, informed
from bayeslaw.runs import ReferenceRun


def of(name: str, rows: int = 150, **columns: object) -> Informed:
    """What a table over the card's ranges informs, some of its columns replaced."""
    law = bl.law(name)
    scale = TYPICAL_LOSS if law.predicts == "loss" else 1.0
    raw = law.published() if law.coefficients else law.at_medians(law.middle, scale)
    runs = bl.simulate(law, rows=rows, noise_sd=0.001, coefficients=raw, seed=1)
    table = runs.table.assign(
        **{name: table(runs.table) if callable(table) else table for name, table in columns.items()}
    )
    runs = replace(runs, table=table)
    return informed(law, runs, ReferenceRun.of(runs, law.variables, law.predicts))


@pytest.mark.parametrize("name", cards())
def test_a_table_over_the_whole_range_informs_everything(name: str) -> None:
    assert of(name) == Informed(frozenset(), frozenset())


# By hand from the formulas: what has no effect at all, and what acts only together.
CONSTANT = {
    "experts, joint": (
        *("ludziejewski2025", {"E": 1.0}),
        *("delta gamma omega zeta E_start E_max", ""),
    ),
    "experts, routed": ("clark2022", {"E": 8.0}, "b c E_start E_max", ""),
    "experts, wang": ("wang2024", {"E": 8.0}, "gamma", ""),
    "one pass": ("looped2026", {"R": 1.0}, "kappa1 kappa2 theta", ""),
    "sparsity": ("abnar2025", {"sparsity": 0.0}, "lam delta", "c e"),
    "granularity": ("krajewski2024", {"granularity": 4.0}, "", "a g gamma"),
    "tokens": ("chinchilla", {"D": 2e10}, "beta", "B E"),
    "one ratio": ("liew2025", {"N": lambda table: table["N_a"]}, "a c", ""),
    "no repetition": ("muennighoff2023", {"D_unique": lambda table: table["D"]}, "R_D_star", ""),
    # The shape is one number, which multiplies what a, h and c with k have terms for as well.
    "all of zhao's shape": ("zhao2025", {"G": 7.0, "S": 0.0}, "m n", "a c e f h k"),
    "a shape that is not zero": ("zhao2025", {"G": 7.0, "S": 0.2}, "", "a c e f m n h k"),
}


@pytest.mark.parametrize("case", CONSTANT.values(), ids=CONSTANT.keys())
def test_what_never_varies_leaves_coefficients_to_the_prior(
    case: tuple[str, dict[str, object], str, str],
) -> None:
    name, columns, only, together = case
    found = of(name, **columns)
    assert found.prior_only == set(only.split())
    assert found.confounded == set(together.split())


def test_what_the_prior_alone_informs_keeps_its_prior() -> None:
    """Fitted to runs with E = 1 throughout, those coefficients stay at their prior medians."""
    law = bl.law("ludziejewski2025")
    design = {**bl.draw_design(law, "independent", 80, seed=1), "E": np.ones(80)}
    runs = bl.simulate(law, design=design, noise_sd=0.002, seed=1)
    posterior = bl.fit(runs, law, method="mode")
    informed_by = posterior.to_frame()["informed_by"]
    silent = [name for name in law.parameters if informed_by[name] == "prior only"]
    assert silent == ["delta", "gamma", "omega", "zeta", "E_start", "E_max"]
    raw = {name: posterior.draws[name].ravel() for name in law.parameters}
    on = law.form.to_on(raw, posterior.reference.at, posterior.reference.loss)
    for name in silent:
        centre, scale, low = law.parameters[name].prior.numbers
        lognormal = law.parameters[name].prior.family == "lognormal"
        value = np.log(on[name] - low) if lognormal else on[name]
        assert value == pytest.approx(centre, abs=0.01 * scale)


def test_few_rows_are_taken_for_what_they_vary() -> None:
    assert of("zhao2025", rows=8) == Informed(frozenset(), frozenset())
    assert of("zhao2025", rows=8, S=0.0) == Informed(frozenset({"m", "n"}), frozenset())


def test_a_formula_of_ones_own_is_told_the_same() -> None:
    law = Law.from_formula(
        "E + A*N**-alpha*(1 + h*G) + k*N**-alpha",
        variables=["N", "G"],
        priors={
            name: {"family": "lognormal", "median": 0.1, "factor": 2} for name in ("A", "h", "k")
        },
    )
    rng = np.random.default_rng(0)
    design = {"N": 10 ** rng.uniform(8, 10, 60), "G": rng.choice([1.0, 2.0, 4.0], 60)}
    raw = {"E": 2.0, "A": 100.0, "alpha": 0.3, "h": 0.1, "k": 10.0}
    runs = bl.simulate(law, design=design, noise_sd=0.001, coefficients=raw, seed=1)
    reference = ReferenceRun.of(runs, law.variables)
    # A and k multiply the same power; h tells A from k through G.
    found = informed(law, runs, reference)
    assert found == Informed(frozenset(), frozenset({"A", "h", "k"}))


def test_a_small_sample_of_a_design_has_the_verdict_of_the_design() -> None:
    """Levels that few runs miss are chance, not design: they leave no coefficient to the prior."""
    law = bl.law("chinchilla")
    levels = np.geomspace(1, 30, 4)
    design = {"N": np.repeat(1e8 * levels, 4), "D": np.tile(2e9 * levels, 4)}
    whole = bl.simulate(law, design=design, noise_sd=0.001, seed=1)
    reference = ReferenceRun.of(whole, law.variables)
    assert informed(law, whole, reference) == Informed(frozenset(), frozenset())
    rng = np.random.default_rng(0)
    # From as many runs as coefficients up to twice as many.
    for rows in np.repeat([5, 6, 8, 10], 10):
        part = whole.select(np.isin(np.arange(16), rng.choice(16, rows, replace=False)))
        assert not part.constant(law.variables)
        assert informed(law, part, reference) == Informed(frozenset(), frozenset())
