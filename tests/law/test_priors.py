"""Priors: median, spread and lower end of their draws."""

from __future__ import annotations

import math

import numpy as np
from small_card import LOGNORMAL, changed

import bayeslaw as bl
from bayeslaw.law import Law, Prior


def test_prior_draws_have_the_stated_median_and_spread() -> None:
    size = 20_000
    rng = np.random.default_rng(5)
    lognormal = bl.law("zhao2025").parameters["f"].prior  # median 50, factor 3
    draws = np.log(lognormal.sample(rng, size))
    # Four standard errors of a mean, 1/sqrt(n), and of an sd, 1/sqrt(2n), in units of the sd.
    assert abs(draws.mean() - math.log(50)) < 4 * math.log(3) / math.sqrt(size)
    assert abs(draws.std() / math.log(3) - 1) < 4 / math.sqrt(2 * size)
    normal = bl.law("zhao2025").parameters["k"].prior  # mean 0, sd 0.1
    draws = normal.sample(rng, size)
    assert abs(draws.mean()) < 4 * 0.1 / math.sqrt(size)
    assert abs(draws.std() / 0.1 - 1) < 4 / math.sqrt(2 * size)


def test_a_lognormal_above_a_low_end_stays_above_it() -> None:
    card = changed(parameters__alpha__prior={**LOGNORMAL, "low": 1.0}, coefficients=None)
    prior = Law(card).parameters["alpha"].prior
    assert prior.median == 1.25
    draws = prior.sample(np.random.default_rng(0), 1000)
    assert (draws > 1.0).all()
    # The share of draws below the median is one half, give or take four times sqrt(1/4/1000).
    assert abs((draws < prior.median).mean() - 0.5) < 4 * math.sqrt(0.25 / 1000)


def test_standardise_is_the_inverse_of_the_draws() -> None:
    away = np.array([-6.0, -1.0, 0.0, 2.5])
    for prior in (Prior("lognormal", 0.25, 2.0, 1.0), Prior("normal", 3.0, 0.5)):
        np.testing.assert_allclose(prior.standardise(prior.from_standard(away)), away, atol=1e-6)
    floor = Prior("lognormal", 0.25, 2.0, 1.0)
    np.testing.assert_array_equal(floor.standardise(np.array([1.0, 0.5])), [-np.inf, -np.inf])
