"""Comparing laws: their order, its notes, its picture and its command."""

from __future__ import annotations

import importlib
import json
import pickle
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from typer.testing import CliRunner

import bayeslaw as bl
from bayeslaw.cli.app import app
from bayeslaw.comparison.extrapolation import HeldOut, make_cuts
from bayeslaw.comparison.leave_out import (
    LeftOut,
)
from bayeslaw.comparison.notes import comparison_notes, extrapolation_notes, order_notes
from bayeslaw.comparison.ranking import LawScores, rank, verdict
from bayeslaw.core.errors import FormulaError, PosteriorError, RequestError, TableError
from bayeslaw.formula import parse_expression
from bayeslaw.plots import style
from bayeslaw.runs import ReferenceRun

mpl.use("Agg")

COMPARE: Any = importlib.import_module("bayeslaw.comparison.compare")
SHORT: dict[str, Any] = {"seed": 1, "chains": 2, "draws": 1000, "progress": False}
BLIND = bl.Law.from_formula("E + A*N**-alpha", variables=["N"], name="blind to data")
TIED = bl.law("chinchilla").constrain("beta = alpha")


def test_runs_prefer_the_law_that_they_come_from(answer: bl.Comparison) -> None:
    row = answer.frame.loc["blind to data"]
    assert row["verdict"] == "worse"
    assert row["elpd_diff"] < -4 * row["diff_se"]
    assert answer.weights["blind to data"] < 0.01
    assert answer.extrapolation_weights["blind to data"] < 0.1
    assert row["extrapolation_crps"] > 2 * answer.frame["extrapolation_crps"].min()
    assert row["extrapolation_rmse"] == answer.frame["extrapolation_rmse"].max()


def test_nested_laws_that_fit_alike_are_not_distinguished(answer: bl.Comparison) -> None:
    """Simulated with exponents .348 and .366, which 60 runs cannot tell apart."""
    first, second, _ = answer.frame.index
    assert {first, second} == {"chinchilla", TIED.name}
    assert answer.frame["verdict"].tolist() == ["best", "not distinguished", "worse"]
    (note,) = [note for note in answer.notes if note.code == "not_distinguished"]
    assert note.message.startswith(f"these runs do not distinguish {second} from {first}")
    assert sum(answer.weights.values()) == pytest.approx(1)


def test_differences_are_those_of_the_runs(answer: bl.Comparison) -> None:
    best = answer.pointwise[answer.best]
    for law, row in answer.frame.iterrows():
        own = answer.pointwise[str(law)]
        assert row["elpd"] == pytest.approx(own.sum())
        assert row["elpd_diff"] == pytest.approx((own - best).sum())
        assert row["diff_se"] == pytest.approx(np.sqrt(60 * (own - best).var(ddof=1)))
        assert row["p_loo"] == pytest.approx(row["parameters"], rel=1)
        cuts = answer.extrapolation[answer.extrapolation["law"] == law]
        assert cuts["cut"].tolist() == ["top 10%", "top 40%"]
        assert row["extrapolation_elpd"] == pytest.approx(cuts["elpd"].mean())
        means = [values.mean() for values in answer.held_out[str(law)]]
        np.testing.assert_allclose(means, cuts["elpd"], rtol=1e-12)
    assert answer.extrapolation["trusted"].all()
    references = [posterior.reference for posterior in answer.posteriors.values()]
    assert len({reference.loss for reference in references}) == 1
    assert len({reference.at["N"] for reference in references}) == 1


class Elsewhere(Executor):
    """Computes what comes out of a pickle, and hands over what comes out of another."""

    def submit(self, fn: Any, /, *args: Any, **options: Any) -> Any:
        sent = pickle.dumps((fn, args, options))
        # A law each: a table and a card, no draws.
        assert len(sent) < 100_000
        function, given, named = pickle.loads(sent)
        future: Future[Any] = Future()
        future.set_result(pickle.loads(pickle.dumps(function(*given, **named))))
        return future


def test_an_executor_finds_the_same(table: bl.Runs, answer: bl.Comparison) -> None:
    laws = [TIED, "chinchilla"]
    found = bl.compare(table, laws, cuts=(0.1, 0.4), executor=Elsewhere(), **SHORT)
    for label in (TIED.name, "chinchilla"):
        np.testing.assert_array_equal(found.pointwise[label], answer.pointwise[label])
        held_out, expected = found.held_out[label], answer.held_out[label]
        for ours, theirs in zip(held_out, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        one, other = found.posteriors[label], answer.posteriors[label]
        assert one.notes == other.notes
        assert one.to_frame().equals(other.to_frame())
    assert found.frame.loc["chinchilla", "elpd"] == answer.frame.loc["chinchilla", "elpd"]


def test_what_a_difference_reads() -> None:
    assert verdict(-3.9, 0.1) == "not distinguished"
    assert verdict(-5.0, 4.0) == "perhaps worse"
    assert verdict(-5.0, 2.0) == "worse"
    assert verdict(-5.0, float("nan")) == "perhaps worse"


def test_the_best_of_many_is_told_with_a_warning() -> None:
    def codes(laws: int) -> set[str]:
        rows = pd.DataFrame(
            {"verdict": ["best"] + ["worse"] * (laws - 1), "elpd_diff": -5.0}, index=range(laws)
        )
        return {note.code for note in order_notes(rows)}

    assert "selection" not in codes(5)
    assert "selection" in codes(6)
    assert "uncertain" not in codes(2)


def test_what_a_few_groups_decide_is_told() -> None:
    rows = pd.DataFrame(
        {"verdict": ["best", "perhaps worse"], "elpd_diff": [0, -25.1], "diff_se": [0, 51.6]},
        index=["one", "other"],
    )
    (note,) = order_notes(rows)
    assert note.code == "uncertain"
    assert "other predicts worse than one by 25.1, within two standard errors (52)" in note.message


def test_another_order_beyond_the_runs_is_told(answer: bl.Comparison) -> None:
    held_out = HeldOut("run", np.arange(60), parse_expression("6*N*D"))

    def told(extrapolation: pd.DataFrame) -> list[bl.Note]:
        table = answer.frame.copy()
        table["extrapolation_elpd"] = extrapolation.groupby("law")["elpd"].mean()
        found = extrapolation_notes(table, extrapolation, held_out)
        return [note for note in found if note.code == "order_changes"]

    assert not told(answer.extrapolation)
    turned = answer.extrapolation.copy()
    turned.loc[turned["law"] == "blind to data", "elpd"] += 10
    (note,) = told(turned)
    assert note.severity == "warning"
    assert (
        f"{answer.best} predicts best in interpolation, blind to data in extrapolation"
        in note.message
    )


def test_fits_without_some_runs_that_cannot_be_trusted_are_marked(answer: bl.Comparison) -> None:
    def left(law: str, untrusted: int, error: float) -> LeftOut:
        density = answer.pointwise[law]
        nothing = np.zeros(len(density))
        return LeftOut(density, nothing, nothing, nothing.astype(bool), untrusted, error)

    runs, over = answer.posteriors["chinchilla"].runs, parse_expression("6*N*D")
    cuts, _ = make_cuts(runs, over, (0.1, 0.4))
    held_out = HeldOut("run", np.arange(60), over, tuple(cuts))
    rows = answer.extrapolation.assign(trusted=answer.extrapolation["cut"] != "top 40%")
    scores = {}
    for law, posterior in answer.posteriors.items():
        part = left(law, 2, 1.5) if law == "chinchilla" else left(law, 0, 0)
        of_cuts = rows[rows["law"] == law].drop(columns="law").to_dict("records")
        scores[law] = LawScores(posterior, part, part, of_cuts, answer.held_out[law])
    table, ranked = rank(scores, held_out)
    assert table.loc["chinchilla", "notes"] == "refits_not_trusted"
    assert table.loc[TIED.name, "notes"] == ""
    pd.testing.assert_frame_equal(ranked, rows, check_dtype=False)
    found = comparison_notes(runs, scores, table, ranked, held_out)
    told = {note.code: note.message for note in found}
    assert told["refits_not_trusted"].startswith("chinchilla: 2 of the refits cannot be trusted")
    assert "the Monte-Carlo error of ELPD is 1.5" in told["few_draws"]
    assert "the fits without the top 40% of 6*N*D" in told["extrapolation_not_trusted"]


def test_as_plain_data(answer: bl.Comparison) -> None:
    data = json.loads(json.dumps(answer.to_dict()))
    assert [row["law"] for row in data["laws"]] == list(answer.frame.index)
    assert len(data["pointwise"]["chinchilla"]) == 60
    assert data["over"] == "6*N*D"


def test_a_fit_that_cannot_be_trusted_is_refused(
    table: bl.Runs, answer: bl.Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = dict(answer.posteriors)
    note = bl.Note("rhat", "error", "R-hat is 2", "Draw more")
    fits["chinchilla"] = fits["chinchilla"].with_notes(note)
    references = []

    def untrusted(runs: bl.Runs, law: bl.Law, **options: Any) -> bl.Posterior:
        references.append(options["reference"])
        return fits[law.name]

    monkeypatch.setattr(COMPARE, "fit", untrusted)
    laws = ["chinchilla", TIED]
    with pytest.raises(PosteriorError, match=r"fit of 'chinchilla' cannot be trusted: R-hat is 2"):
        bl.compare(table, laws, cuts=(), **SHORT)
    references.clear()
    given = ReferenceRun(loss=3.0, at={"N": 1e9, "D": 1e10})
    forced = bl.compare(table, laws, cuts=(), force=True, reference=given, **SHORT)
    assert references == [given, given]
    assert forced.frame.loc["chinchilla", "notes"] == "not trusted: rhat"
    assert forced.frame.loc[TIED.name, "notes"] == ""
    assert not len(forced.extrapolation)
    assert forced.extrapolation_weights == {}


def test_what_cannot_be_compared_is_named(table: bl.Runs) -> None:
    chinchilla = bl.law("chinchilla")
    other = chinchilla.with_priors(alpha={"family": "lognormal", "median": 0.3, "factor": 2})
    for laws, said in (
        ("chinchilla", "is not a list of laws"),
        (None, "laws = None"),
        (["chinchilla"], "only 'chinchilla' to compare"),
        ([], "no law to compare"),
        (["chinchilla", "hoffmann2022"], "'chinchilla' is given twice. Give it once"),
        (["chinchilla", other], r"two different laws are called 'chinchilla'. Label them"),
        ({"a": "chinchilla", "b": chinchilla}, "'a' and 'b' are the same law"),
        (["chinchilla", "steplaw2025_lr"], "different quantities .chinchilla: loss; steplaw2025"),
        (["chinchilla", "nolaw"], "unknown law 'nolaw'"),
    ):
        with pytest.raises(RequestError, match=said):
            bl.compare(table, laws)
    both = ["chinchilla", BLIND]
    with pytest.raises(
        TableError, match=r"(?s)the law 'zhao2025' needs 'N_a', 'G', 'S'.*skip_incompatible"
    ):
        bl.compare(table, [*both, "zhao2025"])
    with pytest.raises(RequestError, match=r"only 'chinchilla' .*: the law 'zhao2025' needs"):
        bl.compare(table, ["chinchilla", "zhao2025"], skip_incompatible=True)
    with pytest.raises(RequestError, match=r"no variable 'Q'\. There are: N, D, loss"):
        bl.compare(table, both, over="N*Q")
    with pytest.raises(RequestError, match="names no variable"):
        bl.compare(table, both, over="3")
    with pytest.raises(FormulaError):
        bl.compare(table, both, over="N +")
    with pytest.raises(
        RequestError, match=r"too few runs to hold out the largest D: 8, of which 3"
    ):
        bl.compare(table.select(np.arange(60) < 8), both, over="D")
    with pytest.raises(RequestError, match=r"a share of 1\.5"):
        bl.compare(table, both, cuts=(1.5,))
    with pytest.raises(RequestError, match=r"cuts = 0\.2"):
        bl.compare(table, both, cuts=0.2)
    with pytest.raises(RequestError, match="ci_prob = 1"):
        bl.compare(table, both, ci_prob=1)
    with pytest.raises(TableError, match=r"2 runs\. Give 3 or more"):
        bl.compare(table.select(np.arange(60) < 2), both)
    with pytest.raises(RequestError, match=r"no groups to leave out .no grouping column"):
        bl.compare(table, both, leave="group")
    with pytest.raises(RequestError, match="leave = 'fold'"):
        bl.compare(table, both, leave="fold")
    number: Any = 3
    with pytest.raises(RequestError, match="runs = 3"):
        bl.compare(number, both)


def test_a_law_keeps_its_colour() -> None:
    both = style.law_styles(["chinchilla", "zhao2025"])
    assert style.law_styles(["zhao2025", "chinchilla"]) == both
    assert style.law_styles(["zhao2025"])["zhao2025"] == both["zhao2025"]
    many = style.law_styles(f"law {i}" for i in range(9))
    assert len({colour for colour, _ in many.values()}) == 9


def test_the_picture_shows_differences_weights_and_distances(answer: bl.Comparison) -> None:
    figure = bl.plots.comparison(answer)
    assert figure.get_figwidth() <= 4.2
    top, middle, bottom = figure.axes
    laws = list(answer.frame.index)
    colours = [style.law_styles(laws)[law][0] for law in laws]
    assert [text.get_text() for text in top.get_yticklabels()] == laws
    for place, law in enumerate(laws):
        bar = top.containers[place]
        assert bar.lines[0].get_xdata()[0] == pytest.approx(answer.frame.loc[law, "elpd_diff"])
        rows = answer.extrapolation[answer.extrapolation["law"] == law].sort_values(
            "extrapolation_factor"
        )
        line = bottom.get_lines()[place]
        np.testing.assert_allclose(line.get_ydata(), rows["crps"])
        assert to_hex(line.get_color()).upper() == colours[place]
    filled = [patch for patch in middle.patches if patch.get_facecolor()[3] == 1]
    assert [patch.get_width() for patch in filled] == pytest.approx(list(answer.weights.values()))
    assert [to_hex(patch.get_facecolor()).upper() for patch in filled] == colours
    inside = bl.plots.comparison(replace(answer, extrapolation=pd.DataFrame()))
    assert len(inside.axes) == 2


def test_the_command_says_the_same(
    answer: bl.Comparison, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {}

    def compare(runs: bl.Runs, laws: list[str], **options: Any) -> bl.Comparison:
        asked.update(options, laws=laws, rows=len(runs))
        return answer

    monkeypatch.setattr(bl, "compare", compare)
    source, out, picture = (tmp_path / name for name in ("runs.csv", "laws.csv", "laws.png"))
    answer.posteriors["chinchilla"].runs.write(source)
    command = ["compare", str(source), "--laws", "chinchilla, zhao2025", "--skip-incompatible"]
    result = CliRunner().invoke(app, [*command, "--json", "--over", "D", "--no-extrapolation"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["laws"][0]["law"] == answer.best
    assert asked["laws"] == ["chinchilla", "zhao2025"]
    assert (asked["rows"], asked["skip_incompatible"], asked["cuts"]) == (60, True, ())
    options = ["--cuts", "0.1, 0.3", "--leave", "run", "--warmup", "200"]
    assert CliRunner().invoke(app, [*command, *options]).exit_code == 0
    assert (asked["cuts"], asked["leave"], asked["warmup"]) == ((0.1, 0.3), "run", 200)
    more = [f"--out={out}", f"--picture={picture}"]
    shown = CliRunner().invoke(app, [*command, *more])
    assert shown.exit_code == 0, shown.output
    assert "not distinguished" in shown.stdout
    assert "The largest 6*N*D held out" in shown.stdout
    assert pd.read_csv(out)["law"].tolist() == list(answer.frame.index)
    assert picture.stat().st_size > 5000
