"""Calls as people first write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayeslaw as bl

FIT: dict[str, Any] = {"method": "laplace", "chains": 2, "progress": False}
FORMULA = "E + A/N**alpha + B/D**beta"


@pytest.fixture(scope="module")
def runs() -> bl.Runs:
    return bl.simulate("chinchilla", rows=40, noise_sd=0.003, seed=7)


@pytest.fixture(scope="module")
def posterior(runs: bl.Runs) -> bl.Posterior:
    return bl.fit(runs, "chinchilla", **FIT)


def test_tables_are_read_where_their_names_are_canonical(
    runs: bl.Runs, posterior: bl.Posterior, tmp_path: Path
) -> None:
    runs.write(tmp_path / "runs.csv")
    for table in (runs.table, tmp_path / "runs.csv", str(tmp_path / "runs.csv")):
        same = bl.fit(table, "chinchilla", **FIT)
        np.testing.assert_allclose(same.draws["alpha"], posterior.draws["alpha"], rtol=1e-6)
    laws = bl.compare(runs.table, ["chinchilla", "skaling2026"], cuts=(), **FIT)
    assert {each.info.method for each in laws.posteriors.values()} == {"laplace"}


def test_a_formula_is_a_law(runs: bl.Runs) -> None:
    law = bl.law(FORMULA)
    assert law.variables == ("N", "D")
    assert set(law.parameters) == {"E", "A", "alpha", "B", "beta"}
    assert "E" in bl.law("L0 + A/N_a**alpha * E**-gamma").variables
    with pytest.raises(bl.BayesLawError, match="no variable"):
        bl.law("a + b/x**c")
    with pytest.raises(bl.BayesLawError, match="unknown law"):
        bl.law("chinchila")


def test_variables_by_name_are_predicted(posterior: bl.Posterior) -> None:
    table = posterior.predict({"N": [30e9, 70e9], "D": [1e12, 1e12]})
    named = posterior.predict(N=["30B", "70B"], D="1T")
    np.testing.assert_array_equal(table.to_numpy(), named.to_numpy())
    mixture = bl.average_laws([posterior, posterior])
    np.testing.assert_array_equal(mixture.predict(N=30e9, D=1e12)["median"], table["median"][:1])
    for source in (posterior, mixture):
        for options, said in (
            ({"N": 1e9, "D": 1e10, "ci_probb": 0.5}, "no variable 'ci_probb'|has a variable"),
            ({}, "no configurations"),
            ({"new": {"N": 1e9, "D": 1e10}, "N": 1e9}, "N beside it"),
        ):
            with pytest.raises(bl.BayesLawError, match=said):
                source.predict(**options)


def test_a_method_that_draws_names_the_function(posterior: bl.Posterior) -> None:
    best = bl.optimum(posterior, budget=bl.Budget(train_flops="1e22"))
    for result, name in ((posterior, "coefficients"), (best, "optimum")):
        with pytest.raises(AttributeError, match=rf"Write bl\.plots\.{name}"):
            result.plot()
    with pytest.raises(AttributeError, match=r"no attribute 'colour'$"):
        _ = posterior.colour
    assert not hasattr(posterior, "plot")


def test_arviz_shows_each_coefficient_once(posterior: bl.Posterior) -> None:
    az = pytest.importorskip("arviz")
    tree = posterior.to_arviz()
    rows = list(az.summary(tree).index)
    assert set(rows) == {"E", "A", "B", "alpha", "beta", "noise_scale", "noise_df"}
    # A panel for every coefficient and noise parameter, twice: density and trace.
    panels = az.plot_trace_dist(tree).viz["plot"]
    assert {*map(str, panels.data_vars)} >= {"E", "A", "B", "alpha", "beta", "noise_scale"}
    beside = tree["posterior_at_reference"]
    np.testing.assert_array_equal(beside["A_on"], posterior.draws["A_on"])
    np.testing.assert_array_equal(beside["T"], posterior.draws["T"])


def test_names_that_do_not_exist_name_the_nearest() -> None:
    for name, said in (("load_law", "Did you mean 'load'"), ("zzz", "There are: Architecture, ")):
        with pytest.raises(AttributeError, match=f"bayeslaw has no '{name}'. {said}"):
            getattr(bl, name)
    assert not hasattr(bl, "predict_everything")


def test_a_law_predicts_tables(runs: bl.Runs) -> None:
    law = bl.law("chinchilla")
    named = law.predict(N=runs.column("N"), D=runs.column("D"))
    np.testing.assert_array_equal(law.predict(runs.table), named)
    np.testing.assert_array_equal(law.predict({"N": 1e9, "D": 1e11}), law.predict(N=1e9, D=1e11))
    with pytest.raises(bl.BayesLawError, match="D is missing"):
        law.predict({"N": 1e9})


def test_one_option_chooses_the_method_of_comparisons(runs: bl.Runs) -> None:
    nested = bl.compare_nested(
        runs.table, "chinchilla", "alpha = beta", method="laplace", progress=False
    )
    assert {each.info.method for each in nested.comparison.posteriors.values()} == {"laplace"}


def test_groups_are_fitted_from_tables_and_files(runs: bl.Runs, tmp_path: Path) -> None:
    table = runs.table.assign(family=np.tile(["a", "b"], 20))
    table.to_csv(tmp_path / "runs.csv", index=False)
    for source in (table, tmp_path / "runs.csv", str(tmp_path / "runs.csv")):
        fits = bl.fit_by_group(source, "chinchilla", by="family", method="mode", progress=False)
        assert {name: len(fit.runs) for name, fit in fits.items()} == {"a": 20, "b": 20}
