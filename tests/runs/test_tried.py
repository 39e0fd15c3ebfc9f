"""Settings that were tried are not the best ones, and not runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayeslaw as bl
from bayeslaw.core.errors import TableError

LAW = "steplaw2025_lr"
COLUMNS = {"learning_rate": "lr", "batch": "bs"}


@pytest.fixture(scope="module")
def grid() -> pd.DataFrame:
    """Five learning rates by three batch sizes at six sizes; the best rate falls as N^-.7."""
    sizes, rates = np.repeat(np.geomspace(1e8, 1e10, 6), 15), np.geomspace(2.5e-4, 4e-3, 5)
    lr, bs = np.tile(np.repeat(rates, 3), 6), np.tile([2**17, 2**19, 2**21], 30)
    best = 1e-3 * (sizes / 1e9) ** -0.7
    loss = 2 + 300 * sizes**-0.3 + 0.05 * np.log(lr / best) ** 2 + 0.02 * np.log(bs / 5e5) ** 2
    return pd.DataFrame({"N": sizes, "D": 20 * sizes, "lr": lr, "bs": bs, "loss": loss})


def exponent(runs: bl.Runs) -> float:
    """Exponent of N and D together."""
    posterior = bl.fit(runs, LAW, method="mode", progress=False)
    return float(np.ravel(posterior.draws["alpha"] + posterior.draws["beta"])[0])


@pytest.mark.parametrize("best_of", [[], ["lr"], ["batch"]])
def test_a_law_of_a_tuned_quantity_refuses_tried_settings(
    grid: pd.DataFrame, best_of: list[str]
) -> None:
    runs = bl.read_runs(grid, columns=COLUMNS, best_of=best_of)
    with pytest.raises(TableError) as caught:
        bl.fit(runs, LAW, method="mode", progress=False)
    message = str(caught.value)
    assert "predicts the best learning_rate, and the table has settings that were tried" in message
    assert "best_of=['learning_rate', 'batch']" in message
    assert "--best-of learning_rate --best-of batch" in message
    assert len(message) < 600


@pytest.mark.parametrize(
    ("columns", "best_of"),
    [
        (COLUMNS, ["learning_rate", "batch"]),
        (COLUMNS, ["lr", "bs"]),
        (COLUMNS, ["lr", "batch"]),
        ({"learning_rate": "lr"}, ["learning_rate", "bs"]),
        ({"learning_rate": "1 * lr"}, ["lr", "bs"]),
    ],
)
def test_the_best_are_kept_by_either_name(
    grid: pd.DataFrame, columns: dict[str, str], best_of: list[str]
) -> None:
    runs = bl.read_runs(grid, columns=columns, best_of=best_of)
    assert len(runs) == 6
    # The grid has steps of a factor of two, and sizes differ by a factor of a hundred.
    assert exponent(runs) == pytest.approx(-0.7, abs=0.15)


def test_the_best_tokens_of_a_budget_are_kept_with_the_size_that_goes_with_them() -> None:
    budget = np.repeat(np.geomspace(1e18, 1e21, 5), 7)
    size = np.tile(np.geomspace(0.2, 5, 7), 5) * np.sqrt(budget / 120)
    sweep = pd.DataFrame({"C": budget, "N": size, "D": budget / 6 / size})
    sweep["loss"] = bl.law("chinchilla").predict(N=sweep["N"], D=sweep["D"])
    with pytest.raises(TableError, match=r"predicts the best D, and .* best_of=\['D', 'N'\]"):
        bl.fit(bl.read_runs(sweep), "deepseek2024_d", method="mode", progress=False)
    best = bl.read_runs(sweep, best_of=["D", "N"])
    assert len(best) == 5
    fitted = bl.fit(best, "deepseek2024_d", method="mode", progress=False)
    rise = np.diff(np.log(fitted.predict({"C": [1e18, 1e20]})["median"]))[0]
    # Of the Chinchilla law: alpha / (alpha + beta) a factor of e, on a grid of steps of 1.7.
    assert rise / np.log(100) == pytest.approx(0.49, abs=0.1)


def test_best_of_that_does_nothing_is_noted(grid: pd.DataFrame) -> None:
    one = grid[(grid["lr"] < 3e-4) & (grid["bs"] == 2**19)]
    (note,) = bl.read_runs(one, best_of="lr").notes
    assert note.code == "best_of_idle"
    assert note.severity == "info"


def test_the_best_of_several_searches_are_no_tried_settings(grid: pd.DataFrame) -> None:
    searches = [grid.assign(seed=seed, loss=grid["loss"] * (1 + 0.001 * seed)) for seed in (0, 1)]
    both = pd.concat(searches, ignore_index=True)
    options: dict[str, Any] = {"columns": COLUMNS, "best_of": ["lr", "bs"], "group": "seed"}
    runs = bl.read_runs(both, **options)
    assert len(runs) == 12
    assert exponent(runs) == pytest.approx(-0.7, abs=0.15)


def test_tried_settings_are_noted_where_a_law_predicts_the_loss(grid: pd.DataFrame) -> None:
    def found(runs: bl.Runs) -> list[bl.Note]:
        posterior = bl.fit(runs, "chinchilla", method="mode", progress=False)
        return [note for note in posterior.notes if note.code == "tried_settings"]

    (note,) = found(bl.read_runs(grid))
    assert "90 rows are 6 configurations of N, D that differ in lr, bs" in note.message
    assert "best_of=['lr', 'bs']" in note.remedy
    assert found(bl.read_runs(grid, best_of=["lr", "bs"])) == []
    many = pd.concat([grid] * 2).assign(lr=1.0, bs=1.0, loss=lambda t: t.loss + 1e-5 * t.N**0.2)
    many = many.assign(loss=many["loss"] * (1 + 1e-4 * np.arange(len(many)) / len(many)))
    (note,) = found(bl.read_runs(many))
    assert "180 rows are 6 configurations of N, D: rows with" in note.message
    # A variable that the law does not read is no setting.
    other = bl.read_runs(many.assign(width=np.arange(len(many))), columns={"width": "width + 1"})
    assert found(other) == []
