"""Observation models: densities, draws and priors of how log losses scatter."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest
from scipy import stats

from bayeslaw.errors import RequestError
from bayeslaw.noise import NOISES, Noise, noise

VALUES = {"noise_scale": 0.02, "noise_df": 4.0}
FROZEN = {"student_t": stats.t(4.0, scale=0.02), "normal": stats.norm(scale=0.02)}


@pytest.mark.parametrize("name", NOISES)
def test_the_density_is_that_of_its_name(name: str) -> None:
    centre = np.array([0.5, 1.0, 1.5])
    at = centre + np.array([0.0, 0.03, -0.4])
    with jax.enable_x64(True):
        found = np.asarray(noise(name).distribution(centre, VALUES).log_prob(at))
    np.testing.assert_allclose(found, FROZEN[name].logpdf(at - centre), rtol=1e-12)


@pytest.mark.parametrize("name", NOISES)
def test_draws_have_that_density(name: str) -> None:
    draws = noise(name).draw(np.random.default_rng(12), VALUES, (100, 50))
    assert draws.shape == (100, 50)
    # Kolmogorov and Smirnov reject a right sample once in a thousand seeds.
    assert stats.kstest(draws.ravel(), FROZEN[name].cdf).pvalue > 1e-3
    again = noise(name).draw(np.random.default_rng(12), VALUES, (100, 50))
    assert (draws == again).all()


@pytest.mark.parametrize("name", NOISES)
def test_every_draw_of_the_posterior_scatters_by_its_own_scale(name: str) -> None:
    scale, df = np.array([[0.001], [0.1]]), np.array([[3.0], [30.0]])
    values = {"noise_scale": scale, "noise_df": df}
    draws = noise(name).draw(np.random.default_rng(13), values, (2, 4000))
    for row, one, degrees in zip(draws, scale[:, 0], df[:, 0], strict=True):
        law = stats.t(degrees) if name == "student_t" else stats.norm()
        assert stats.kstest(row / one, law.cdf).pvalue > 1e-3


def test_priors_are_those_of_the_plan() -> None:
    assert set(noise("normal").priors) == {"noise_scale"}
    priors = noise("student_t").priors
    assert str(priors["noise_scale"]) == "LogNormal(median: 0.005, factor: 3)"
    # nu = 1 + lognormal(median 5, factor e): always a median, hardly ever a Cauchy.
    assert priors["noise_df"].numbers == (math.log(5), 1.0, 1.0)
    assert priors["noise_df"].median == 6.0


def test_an_unknown_noise_gets_a_suggestion() -> None:
    with pytest.raises(RequestError, match=r"unknown noise 'normall'\. Did you mean 'normal'\?"):
        noise("normall")
    assert noise("normal") == Noise("normal")
