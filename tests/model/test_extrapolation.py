"""The error beyond the runs: its size, what it shares, and how a table's past moves its scale."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from scipy.stats import t as student_t

import bayeslaw as bl
from bayeslaw.model.extrapolation import ExtrapolationPrior, field_prior
from bayeslaw.runs.reach import Reach

RUNS = bl.simulate("chinchilla", rows=60, noise_sd=0.002, seed=1)
REACH = Reach.of(RUNS, ("N", "D"))
PRIOR = ExtrapolationPrior(scale=0.004, power=0.8, spread=0.3, tilt=0.6)
SIZE = 40_000
LARGEST = {name: float(RUNS.column(name).max()) for name in ("N", "D")}


def beyond(doublings: float, tokens: float = 0.0) -> dict[str, np.ndarray]:
    """A configuration so many doublings beyond the largest N, with so many more of D."""
    return {
        "N": np.array([LARGEST["N"] * 2.0**doublings]),
        "D": np.array([LARGEST["D"] * 2.0 ** (doublings + tokens)]),
    }


def test_inside_the_runs_there_is_no_error() -> None:
    error = PRIOR.draw(REACH, 100, np.random.default_rng(0))
    inside = error.log_error(REACH, RUNS.columns(("N", "D")))
    assert np.abs(inside).max() < 1e-12


@pytest.mark.parametrize("tokens", [0.0, 2.0])
def test_its_quantiles_are_those_of_the_scale_whatever_the_shape(tokens: float) -> None:
    prior = replace(PRIOR, spread=1e-6)
    at = beyond(3.0, tokens)
    drawn = prior.draw(REACH, SIZE, np.random.default_rng(1)).log_error(REACH, at)[:, 0]
    far = REACH.doublings(at)[0]
    expected = prior.scale * far**prior.power * student_t.ppf([0.25, 0.75, 0.945], 5)
    # The density at the upper quantile makes its Monte-Carlo error 1.5% of the scale.
    np.testing.assert_allclose(
        np.quantile(drawn, [0.25, 0.75, 0.945]), expected, atol=0.06 * prior.scale * far**0.8
    )


def test_a_draw_is_one_error_for_all_of_one_shape() -> None:
    one, other = beyond(2.0), beyond(4.0)
    both = {name: np.concatenate([one[name], other[name]]) for name in one}
    drawn = PRIOR.draw(REACH, SIZE, np.random.default_rng(2)).log_error(REACH, both)
    far = REACH.doublings(both)
    np.testing.assert_allclose(drawn[:, 1] / drawn[:, 0], (far[1] / far[0]) ** 0.8, rtol=1e-6)


def test_shapes_err_differently_unless_it_has_no_tilt() -> None:
    at = {"N": np.full(2, 1e12), "D": np.array([1e12, 4e13])}
    tilted, level = (
        replace(PRIOR, tilt=tilt).draw(REACH, SIZE, np.random.default_rng(3)).log_error(REACH, at)
        / REACH.doublings(at) ** 0.8
        for tilt in (0.6, 1e-9)
    )
    correlation = [np.corrcoef(drawn.T)[0, 1] for drawn in (tilted, level)]
    assert correlation[0] < 0.9
    assert correlation[1] > 0.999


def test_the_table_moves_the_scale() -> None:
    log_scale, _ = PRIOR.grid
    rng = np.random.default_rng(4)
    for centre in (-1.0, 1.0):
        likelihood = -0.5 * ((log_scale - np.log(PRIOR.scale) - centre) / 0.3) ** 2
        scale = PRIOR.draw(REACH, SIZE, rng, likelihood).scale
        # A normal prior and a likelihood as wide: halfway between the two.
        assert np.median(np.log(scale / PRIOR.scale)) == pytest.approx(centre / 2, abs=0.02)


@pytest.mark.parametrize("of", ["law", "mixture"])
def test_the_field_is_worse_than_replicates_and_better_than_a_tenth(
    of: Literal["law", "mixture"],
) -> None:
    prior = field_prior(of)
    assert 0.001 < prior.scale < 0.02
    assert 0.4 < prior.power < 1.2


def test_it_is_saved_with_the_posterior(tmp_path: object) -> None:
    posterior = bl.fit(RUNS, "chinchilla", method="laplace", seed=1, progress=False)
    erring = posterior.with_extrapolation_error(PRIOR, seed=2)
    path = f"{tmp_path}/fit.nc"
    erring.save(path)
    again = bl.load(path)
    assert again.extrapolation is not None
    assert again.extrapolation.prior == PRIOR
    new = {name: values.tolist() for name, values in beyond(3.0).items()}
    before, after = (p.predict(new, level="run", seed=3) for p in (erring, again))
    np.testing.assert_allclose(before["low"], after["low"])
    # The law's own value has no error, that of a run has.
    law = erring.predict(new, level="law").iloc[0]
    run = erring.predict(new, level="run").iloc[0]
    assert run["high"] - run["low"] > 2 * (law["high"] - law["low"])


def test_optima_move_with_the_error_beyond_the_runs_alone() -> None:
    posterior = bl.fit(RUNS, "chinchilla", method="laplace", seed=1, progress=False)
    erring = posterior.with_extrapolation_error(seed=2)
    inside, outside = (
        [bl.optimum(p, budget=bl.Budget(train_flops=flops)).quantities["N"] for p in both]
        for flops in (1e20, 1e24)
        for both in [(posterior, erring)]
    )
    widths = [[np.log(q.high / q.low) for q in pair] for pair in (inside, outside)]
    assert widths[0][1] == pytest.approx(widths[0][0], rel=0.05)
    assert widths[1][1] > 1.5 * widths[1][0]
    assert outside[1].median == pytest.approx(outside[0].median, rel=0.1)


def test_rankings_include_the_error_and_cheapest_states_that_it_does_not() -> None:
    posterior = bl.fit(RUNS, "chinchilla", method="laplace", seed=1, progress=False)
    erring = posterior.with_extrapolation_error(PRIOR, seed=2)
    sizes = {"N": [1e12, 3e12], "D": [1e14, 3e14]}
    widths = [
        np.log(frame["high"] / frame["low"]).to_numpy()
        for frame in (bl.decide(p, sizes).frame for p in (posterior, erring))
    ]
    assert (widths[1] > 2 * widths[0]).all()
    cheapest = bl.cheapest(erring, 2.3, at={"N": 1e10})
    assert "without_error" in {note.code for note in cheapest.notes}
