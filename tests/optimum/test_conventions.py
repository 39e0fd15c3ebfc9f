"""Configurations that can be built are ranked in the law's convention of counting parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import RequestError
from bayeslaw.optimum.conventions import embeddings_of
from bayeslaw.plots.slices import fixed_values


@pytest.fixture(scope="module")
def thin(posterior: bl.Posterior) -> bl.Posterior:
    """The posterior with a tenth of its draws."""
    draws, stats = (
        {name: values[:, ::10] for name, values in group.items()}
        for group in (posterior.draws, posterior.stats)
    )
    return replace(posterior, draws=draws, stats=stats)


def declared(posterior: bl.Posterior, embeddings: str | None) -> bl.Posterior:
    return replace(posterior, runs=replace(posterior.runs, embeddings=embeddings))


@pytest.fixture(scope="module")
def built() -> bl.Buildable:
    return bl.buildable("qwen3_moe", N="30B", N_a="3B", alternatives=1)


def codes(decision: bl.Decision) -> list[str]:
    return [note.code for note in decision.notes]


def test_counts_follow_the_runs(thin: bl.Posterior, built: bl.Buildable) -> None:
    decision = bl.decide(declared(thin, "excluded"), built, at={"D": "2T"})
    (note,) = [note for note in decision.notes if note.code == "embeddings_converted"]
    assert "embeddings excluded" in note.message
    assert decision.at["D"] == 2e12
    for label in built.frame.index[:3]:
        row = decision.frame.loc[label]
        model = bl.architecture(built.config(label))
        assert model.variables("excluded") == {n: row[n] for n in model.variables()}
    all_of_them = bl.decide(declared(thin, "included"), built, at={"D": 2e12})
    assert all_of_them.frame.loc[label, "N"] == model.N
    assert all_of_them.frame.loc[label, "median"] < row["median"]


def test_an_unknown_convention_is_noted(thin: bl.Posterior, built: bl.Buildable) -> None:
    decision = bl.decide(declared(thin, None), built, at={"D": 2e12})
    assert "embeddings_unknown" in codes(decision)
    assert set(decision.frame["N"]) == set(built.frame["N"])


def test_every_configuration_has_its_regret(thin: bl.Posterior, built: bl.Buildable) -> None:
    decision = bl.decide(thin, built, at={"D": 2e12})
    assert set(decision.frame.index) == set(built.frame.index)
    assert np.isfinite(decision.frame["regret"]).all()
    assert built.config(decision.best)["model_type"] == "qwen3_moe"
    table = bl.decide(thin, built.to_frame(), at={"D": 2e12})
    assert table.best == decision.best
    with pytest.raises(RequestError, match="N is fixed and a column"):
        bl.decide(thin, built, at={"N": 30e9})


def test_the_convention_is_the_cards_where_runs_state_none(thin: bl.Posterior) -> None:
    # zhao2025 does not say; krajewski2024 counts without embeddings.
    assert embeddings_of(declared(thin, None)) is None
    assert embeddings_of(declared(thin, "excluded")) == "excluded"
    other = replace(declared(thin, None), law=bl.law("krajewski2024"))
    assert embeddings_of(other) == "excluded"
    assert embeddings_of(declared(other, "included")) == "included"
    mixture = bl.average_laws([thin, declared(thin, "excluded")])
    assert embeddings_of(mixture) == "excluded"
    with pytest.raises(RequestError, match="count embeddings are averaged"):
        embeddings_of(bl.average_laws([declared(thin, "included"), declared(thin, "excluded")]))


@pytest.mark.parametrize("D", ["2T", 2e12])
def test_counts_with_suffixes_in_questions(thin: bl.Posterior, D: str | float) -> None:
    best = bl.optimum(thin, at={"N": "30B", "D": D})
    assert best.at == {"N": 30e9, "D": 2e12}
    assert fixed_values(thin, ["G"], {"N": "30B", "D": D}, place="test")["N"] == 30e9
    budget = bl.Budget(max_params="100B", train_flops=1e22, caps={"N_a": "5B"})
    assert (budget.max_params, budget.caps) == (100e9, {"N_a": 5e9})
