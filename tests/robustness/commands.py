"""The command line: every command with odd options, missing files and places to write to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from command import Result, bayeslaw
from hypothesis import strategies as st

import bayeslaw as bl
from robustness.odd import TEXTS, brief
from robustness.outcome import LONGEST, Attempt
from robustness.requests import Material

ODD = (
    *TEXTS,
    "0",
    "-1",
    "1e308",
    "1e400",
    "N=1e9",
    "N=",
    "=1",
    "N=nan",
    "N=1e9=2",
    "a=b",
    "--",
    "-",
)


def commands(given: Material) -> dict[str, list[str]]:
    """Every command, with options that it accepts."""
    fit, table, folder = str(given.saved), str(given.table), given.folder
    law = ["--law", "chinchilla"]
    return {
        "simulate": [*law, "--rows", "5", "--out", f"{folder}/new.csv", "--seed", "1"],
        "fit": [table, *law, "--seed", "1", "--out", f"{folder}/new.nc", "--column", "N=N"],
        "summary": [fit, "--ci-prob", "0.5"],
        "predict": [fit, table, "--level", "law", "--out", f"{folder}/new.csv", "--unit", "N=1"],
        "optimum": [fit, "--at", "N=30e9", "--train-flops", "1e21", "--free", "D"],
        "frontier": [fit, "--first", "1e20", "--last", "1e21", "--points", "2", "--cap", "D=1e15"],
        "decide": [fit, "--candidates", table, "--out", f"{folder}/new.csv"],
        "compare": [table, "--laws", "chinchilla,power_law", "--cuts", "0.2"],
        "compare-nested": [table, "alpha = beta", *law, "--seed", "1"],
        "speedup": [fit, fit, "--at", "D=1e12", "--throughput", "0.9"],
        "check-new-runs": [fit, table, "--seed", "1"],
        "rolling-origin": [fit, "--over", "N", "--origins", "2"],
        "prior-sensitivity": [fit, "--train-flops", "1e21"],
        "calibrate": [table, *law, "--tables", "2", "--compute-factor", "0"],
        "report": [fit, "--train-flops", "1e21", "--out", f"{folder}/new.html", "--question", "Q"],
        "study": [table, "--laws", "chinchilla", "--at", "N=1e11", "--out", f"{folder}/study"],
        "architecture": [f"{folder}/config.json"],
        "laws list": [],
        "laws costs": [],
        "laws show": ["chinchilla"],
        "laws new": [f"{folder}/new.toml"],
        "laws check": ["chinchilla"],
    }


@contextmanager
def quick(given: Material) -> Iterator[None]:
    """Refitting commands answer with the posterior that is there, once their input is read."""

    def fitted(runs: bl.Runs, law: Any, **options: Any) -> bl.Posterior:
        bl.law(law)
        return replace(given.posterior, notes=runs.notes)

    def refitted(*args: Any, **options: Any) -> Any:
        raise bl.BayesLawError("minutes of fits", place="test", remedy="None")

    slow = ("compare", "compare_nested", "calibrate", "rolling_origin", "study")
    with patch.object(bl, "fit", fitted), patch.multiple(bl, **dict.fromkeys(slow, refitted)):
        yield


def check(result: Result) -> None:
    """Status and streams are those of an answer, or of a refusal."""
    assert result.code in (0, 1, 2, 3), f"status {result.code}"
    assert "Traceback" not in result.err
    if result.code == 2 and result.err.startswith("error: "):
        assert len(result.err) < LONGEST + len("error: \n"), f"{len(result.err)} characters"
        assert result.err.count("\n") == 1, "a refusal has one line"
    shown = (result.out + result.err).replace("\n", "").replace("\t", "")
    assert "\x1b" not in shown, "a terminal would obey this"
    result.out.encode("utf-8")


def attempts(given: Material) -> st.SearchStrategy[Attempt]:
    """Commands with words replaced, left out or added."""
    table = commands(given)
    places = ("missing.csv", "no/such/file.nc", "/", ".", "/dev/null/x", "/proc/x.csv", "x.xyz")
    words = st.sampled_from((*ODD, *places)) | st.text(max_size=6)

    @st.composite
    def line(draw: st.DrawFn) -> Attempt:
        name = draw(st.sampled_from(sorted(table)))
        options = list(table[name])
        how = draw(st.sampled_from(("replace", "replace", "replace", "remove", "add", "json")))
        if how == "add" or not options:
            extra = draw(st.sampled_from(("--at", "--json", "--strict", "--picture", "--colour")))
            options += [extra, draw(words)]
        else:
            place = draw(st.integers(0, len(options) - 1))
            if how == "remove":
                del options[place]
            else:
                options[place] = draw(words)
            options += ["--json"] if how == "json" else []

        def call() -> Result:
            with quick(given):
                return bayeslaw(*name.split(), *options)

        shown = [brief(option) for option in options]
        return Attempt(f"bayeslaw {name} {' '.join(shown)}", call, check)

    return line()
