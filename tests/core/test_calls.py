"""Options that a public name does not have."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

import bayeslaw as bl

FUNCTIONS = {
    name: getattr(bl, name) for name in bl.__all__ if inspect.isfunction(getattr(bl, name))
}
PICTURES = {
    f"plots.{name}": getattr(bl.plots, name)
    for name in bl.plots.__all__
    if inspect.isfunction(getattr(bl.plots, name))
}
CLASSES = {
    name: getattr(bl, name)
    for name in ("Budget", "EfficiencyRules", "GaussianProcess", "Growth", "Offsets")
}
METHODS = {
    "Posterior.predict": bl.Posterior.predict,
    "Mixture.predict": bl.Mixture.predict,
    "Law.from_formula": bl.Law.from_formula,
}


@pytest.mark.parametrize("name", [*FUNCTIONS, *PICTURES, *CLASSES, *METHODS])
def test_an_unknown_option_is_refused_by_name(name: str) -> None:
    called = {**FUNCTIONS, **PICTURES, **CLASSES, **METHODS}[name]
    with pytest.raises(bl.BayesLawError, match="there is no option 'colour'") as refused:
        called(colour="red")
    assert refused.value.place == name.removeprefix("plots.")
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize(
    ("name", "option", "meant"),
    [
        ("fit", "random_seed", "seed"),
        ("fit", "tune", "warmup"),
        ("fit", "num_samples", "draws"),
        ("fit", "cores", "chains"),
        ("optimum", "hdi_prob", "ci_prob"),
        ("simulate", "random_state", "seed"),
    ],
)
def test_the_word_of_another_package_names_ours(name: str, option: str, meant: str) -> None:
    with pytest.raises(bl.BayesLawError, match=f"no option '{option}'. Write {meant}="):
        getattr(bl, name)(None, **{option: 1})


def test_a_misspelt_option_names_the_nearest() -> None:
    misspelt: dict[str, Any] = {"max_param": 1e9}
    with pytest.raises(bl.BayesLawError, match="Did you mean 'max_params'"):
        bl.Budget(**misspelt)


def test_an_argument_that_lacks_is_refused() -> None:
    nothing: tuple[Any, ...] = ()
    with pytest.raises(bl.BayesLawError, match="fit: missing a required argument: 'runs'"):
        bl.fit(*nothing)


def test_names_keep_signature_and_pickle() -> None:
    assert list(inspect.signature(bl.load).parameters) == ["path"]
    assert pickle.loads(pickle.dumps(bl.fit)) is bl.fit
    assert isinstance(bl.Budget(train_flops=1e20), bl.Budget)
