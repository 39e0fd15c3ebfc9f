"""Designs within what the cards state, and losses that scatter as asked."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from scipy import stats

import bayeslaw as bl
from bayeslaw.core import vocabulary
from bayeslaw.core.errors import RequestError
from bayeslaw.law import Law
from bayeslaw.law.library import cards
from bayeslaw.model.simulate import DESIGNS


def with_ranges(law: Law) -> bool:
    return all(letter.range is not None for letter in law.letters.values())


DESIGNED = [name for name in cards() if with_ranges(bl.law(name))]
every_law = pytest.mark.parametrize("name", DESIGNED)
every_design = pytest.mark.parametrize("kind", DESIGNS)


def test_both_laws_can_be_designed() -> None:
    assert {"zhao2025", "chinchilla"} <= set(DESIGNED)


@every_design
@every_law
def test_designs_keep_to_the_ranges_ratios_and_values_of_the_card(name: str, kind: str) -> None:
    law = bl.law(name)
    chosen = bl.draw_design(law, kind, 3000, seed=1)
    assert set(chosen) == set(law.variables)
    bounded = {ratio.letter for ratio in law.ratios}
    # A letter that is one minus a share comes back rounded.
    letters = {name: np.round(values, 12) for name, values in law.form.in_letters(chosen).items()}
    for letter in law.letters.values():
        values, (low, high) = letters[letter.name], letter.range or (0.0, 0.0)
        assert values.shape == (3000,)
        if letter.values:
            # One at a time, the base value stands beside those that are listed.
            extra = set(values) - set(letter.values)
            base = set() if letter.base is None else {float(letter.base(letters))}
            assert extra <= (base if kind == "one_at_a_time" else set())
            assert set(letter.values) <= set(values)
        if kind == "independent" or letter.name not in bounded:
            assert low * (1 - 1e-12) <= values.min()
            assert values.max() <= high * (1 + 1e-12)
    for ratio in law.ratios:
        share = letters[ratio.letter] / letters[ratio.over]
        assert share.min() >= ratio.low * (1 - 1e-9)
        assert share.max() <= ratio.high * (1 + 1e-9)
    for small, large in vocabulary.ORDERED:
        if {small, large} <= set(chosen):
            assert (chosen[small] <= chosen[large] * (1 + 1e-9)).all()


def test_independent_counts_are_uniform_on_the_logarithm() -> None:
    chosen = bl.draw_design("chinchilla", "independent", 4000, seed=2)
    for name, letter in bl.law("chinchilla").letters.items():
        low, high = np.log(letter.range or (1, 1))
        uniform = stats.uniform(low, high - low)
        # One right sample in a thousand is rejected.
        assert stats.kstest(np.log(chosen[name]), uniform.cdf).pvalue > 1e-3
    # And of each other: a correlation of independent samples has sd 1/sqrt(n).
    correlation = np.corrcoef(np.log(chosen["N"]), np.log(chosen["D"]))[0, 1]
    assert abs(correlation) < 4 / np.sqrt(4000)


def test_listed_values_are_equally_likely() -> None:
    chosen = bl.draw_design("zhao2025", "independent", 4000, seed=3)
    for name in ("G", "S"):
        _, counts = np.unique(chosen[name], return_counts=True)
        assert len(counts) == 8
        assert stats.chisquare(counts).pvalue > 1e-3


def test_one_at_a_time_varies_one_at_a_time() -> None:
    law = bl.law("zhao2025")
    chosen = bl.draw_design(law, "one_at_a_time", 20_000, seed=4)
    cells = {row for row in zip(*chosen.values(), strict=True)}
    # Six N, and at each 19 D, 19 N_a/N, 8 G and 8 S. Of 20,000 rows none of the 324 is missed but
    # with probability 324 exp(-20000/324), 1e-24.
    assert len(cells) == 324
    levels = np.unique(chosen["N"])
    np.testing.assert_allclose(levels, np.geomspace(133e6, 3.4e9, 6))
    away = np.zeros(20_000, dtype=int)
    for name, letter in law.letters.items():
        if name != "N" and letter.base is not None:
            away += ~np.isclose(chosen[name], letter.base(chosen))
    assert set(away) == {1}


def test_446_rows_of_one_at_a_time_repeat_some_configurations() -> None:
    chosen = bl.draw_design("zhao2025", "one_at_a_time", 446, seed=5)
    cells = {row for row in zip(*chosen.values(), strict=True)}
    # Of 324 cells drawn 446 times, 324 (1 - exp(-446/324)) = 242 are seen, give or take 7.
    assert abs(len(cells) - 242) < 4 * 7


@every_design
def test_the_same_seed_gives_the_same_table(kind: str) -> None:
    first = bl.simulate("zhao2025", design=kind, rows=50, seed=6)
    again = bl.simulate("zhao2025", design=kind, rows=50, seed=6)
    other = bl.simulate("zhao2025", design=kind, rows=50, seed=7)
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint
    assert not np.isin(first.column("loss"), other.column("loss")).any()


def test_another_design_keeps_the_noise_of_a_seed() -> None:
    law = bl.law("zhao2025")

    def residual(kind: str) -> np.ndarray:
        runs = bl.simulate(law, design=kind, rows=50, seed=8)
        return np.log(runs.column("loss") / law.predict(**runs.columns(law.variables)))

    np.testing.assert_allclose(residual("independent"), residual("one_at_a_time"), atol=1e-14)


@pytest.mark.parametrize("noise", [0.003, 0.05])
@every_law
def test_losses_scatter_around_the_law_as_asked(name: str, noise: float) -> None:
    law, size = bl.law(name), 2000
    raw = law.published() if law.coefficients else law.at_medians(law.middle, 1.0)
    runs = bl.simulate(name, rows=size, noise_sd=noise, seed=9, coefficients=raw)
    value = law.predict(coefficients=raw, **runs.columns(law.variables))
    residual = np.log(runs.column(law.predicts) / value)
    # Four standard errors: sd/sqrt(n) of a mean, sd/sqrt(2n) of an sd.
    assert abs(residual.mean()) < 4 * noise / np.sqrt(size)
    assert abs(residual.std() - noise) < 4 * noise / np.sqrt(2 * size)
    # And without regard to where a run lies.
    varied = set(law.variables) - runs.constant(law.variables)
    for column in runs.columns(varied).values():
        assert abs(stats.spearmanr(column, residual).statistic) < 4 / np.sqrt(size)


def test_without_noise_losses_are_the_laws_own() -> None:
    law = bl.law("chinchilla")
    runs = bl.simulate(law, rows=20, noise_sd=0, coefficients="hoffmann", seed=1)
    wanted = law.predict(coefficients="hoffmann", **runs.columns(law.variables))
    assert (runs.column("loss") == wanted).all()


def test_a_simulated_table_says_so() -> None:
    runs = bl.simulate("zhao2025", design="one_at_a_time", rows=10, noise_sd=0.01, seed=3)
    (note,) = runs.notes
    assert (note.code, note.severity) == ("simulated", "info")
    assert "configurations (one_at_a_time design) and losses are simulated" in note.message
    assert "noise 0.01 on log loss, seed 3" in note.message
    assert runs.source == "simulated"
    assert runs.variables == ("N", "N_a", "D", "G", "S", "loss")


def test_a_design_of_ones_own_is_kept() -> None:
    design = {"N": np.array([1e9, 2e9]), "D": np.array([2e10, 4e10])}
    runs = bl.simulate("chinchilla", design=design, noise_sd=0.01)
    assert runs.column("N").tolist() == [1e9, 2e9]
    assert "(given design)" in runs.notes[0].message
    assert set(design) == {"N", "D"}


def test_what_cannot_be_simulated_is_named() -> None:
    with pytest.raises(RequestError, match=r"unknown design 'independant'. Did you mean 'indep"):
        bl.simulate("zhao2025", design="independant")
    with pytest.raises(RequestError, match=r"design: rows = 0\. Give a whole number from 1 on"):
        bl.draw_design("zhao2025", "independent", 0)
    for noise in (-0.1, 1.0, float("nan")):
        with pytest.raises(RequestError, match=r"simulate: noise_sd = .*Between 0 and 1"):
            bl.simulate("zhao2025", noise_sd=noise)
    with pytest.raises(RequestError, match=r"chinchilla takes N, D: D is missing"):
        bl.simulate("chinchilla", design={"N": np.array([1e9])})
    with pytest.raises(RequestError, match=r"no coefficient set 'hofmann'.*'hoffmann'"):
        bl.simulate("chinchilla", coefficients="hofmann")
    own = Law.from_formula("E + A*N**-alpha", variables=["N"])
    with pytest.raises(RequestError, match=r"the card of own states no range of N\..*a table"):
        bl.draw_design(own, "independent", 10)
    card = copy.deepcopy(bl.law("zhao2025").card)
    card["design"]["ratios"]["N_a"]["range"] = [2, 3]
    with pytest.raises(RequestError, match="the ranges and ratios of zhao2025 hardly overlap"):
        bl.draw_design(Law(card), "independent", 10)
    del card["variables"]["G"]["base"]
    with pytest.raises(RequestError, match=r"no base value of G\. Use the independent design"):
        bl.draw_design(Law(card), "one_at_a_time", 10)


def test_active_parameters_never_exceed_the_total_whatever_their_letters() -> None:
    card = copy.deepcopy(bl.law("chinchilla").card)
    card["variables"] = {
        "N": {"is": "N_a", "range": [1e7, 1e12]},
        "D": {"is": "N", "range": [1e7, 1e12]},
    }
    del card["optimum"]
    chosen = bl.draw_design(Law(card), "independent", 200)
    assert (chosen["N_a"] <= chosen["N"]).all()


def test_one_configuration_may_be_given_as_numbers() -> None:
    runs = bl.simulate("chinchilla", design={"N": 1e9, "D": np.array([1e10, 2e10])})
    assert runs.column("N").tolist() == [1e9, 1e9]
    assert len(bl.simulate("chinchilla", design={"N": 1e9, "D": 1e10})) == 1
