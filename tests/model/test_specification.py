"""The specification of a model: its priors, their draws, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.model.specification import Specification


@pytest.fixture(scope="module")
def runs() -> bl.Runs:
    table = bl.simulate("chinchilla", rows=40, noise_sd=0.01, seed=1).table
    return bl.read_runs(table.assign(family=np.tile(["a", "b"], 20)), group="family")


def test_prior_draws_are_those_of_the_priors_at_the_reference_run(runs: bl.Runs) -> None:
    law = bl.law("chinchilla")
    model = Specification.of(runs, law, discrepancy="gp", pool=["E"])
    draws = model.sample_prior(3, 4000)
    for name, prior in model.priors.items():
        centre, scale, low = prior.numbers
        values = draws[model.site(name)]
        moved = np.log(values - low) if prior.family == "lognormal" else values
        # 15 sites at one in a thousand each: 2% to fail with another seed.
        assert stats.kstest(moved, stats.norm(centre, scale).cdf).pvalue > 1e-3, name
    on = {name: draws[model.site(name)] for name in law.parameters}
    raw = law.form.to_raw(on, model.reference.at, model.reference.loss)
    for name, values in raw.items():
        np.testing.assert_array_equal(draws[name], values)
    total = law.form.predict(model.reference.at, raw)
    np.testing.assert_array_equal(draws["T"], total)


def test_prior_draws_follow_the_seed(runs: bl.Runs) -> None:
    model = Specification.of(runs, bl.law("chinchilla"))
    first, again, other = (model.sample_prior(seed, 10)["alpha"] for seed in (1, 1, 2))
    assert (first == again).all()
    assert not np.isin(first, other).any()


def test_a_reference_without_a_number_is_refused(runs: bl.Runs) -> None:
    law = bl.law("chinchilla")
    for reference, problem in (
        (bl.ReferenceRun(2.0, {"N": 1e9}), "has no D"),
        (bl.ReferenceRun(2.0, {"N": 1e9, "D": np.inf}), "has D = inf"),
        (bl.ReferenceRun(0.0, {"N": 1e9, "D": 1e10}), "has loss = 0"),
    ):
        with pytest.raises(RequestError, match=f"numpyro_model: the reference run {problem}"):
            bl.numpyro_model(runs, law, reference=reference)
