"""From a table to an answer: study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import bayeslaw as bl
from bayeslaw.cli import options, results
from bayeslaw.cli.command import Answer, command, new_app, write_picture
from bayeslaw.cli.show import plain
from bayeslaw.core.files import make_folder, write_file
from bayeslaw.core.intervals import INTERVAL

app = new_app("")


@command(
    app,
    "bayeslaw study sweep.csv --at N=671B --out study",
    "bayeslaw study sweep.csv --laws chinchilla,skaling2026 --train-flops 1e24 --out study",
)
def study(
    table: options.RunsTable,
    reading: options.Reading,
    question: options.Question,
    laws: Annotated[str | None, "Laws, separated by commas [those that suit the table]."] = None,
    free: options.Free = None,
    predict: Annotated[
        Path | None, "Configurations to predict, with columns named as variables."
    ] = None,
    out: Annotated[
        Path | None, "Folder for report, picture, tables and finished fits, to go on from."
    ] = None,
    ci_prob: options.CiProb = INTERVAL,
    seed: options.Seed = 0,
) -> Answer:
    """Answer from a table: laws averaged, with their error beyond the runs."""
    if out is not None:
        make_folder(out, place="--out")
    names = None if laws is None else [name.strip() for name in laws.split(",") if name.strip()]
    found = bl.study(
        reading.read(table),
        at=question.fixed or None,
        budget=None if question.budget == bl.Budget() else question.budget,
        laws=names,
        free=free,
        predict=None if predict is None else bl.read_runs(predict),
        ci_prob=ci_prob,
        seed=seed,
        folder=None if out is None else out / "fits",
    )
    text = list(results.study(found))
    if out is not None:
        text += _write(found, out)
    return Answer.of(found, text)


def _write(found: bl.Study, out: Path) -> list[str]:
    """The files of a study; their names."""
    from bayeslaw.runs.source import write_table

    data = json.dumps(plain(found.to_dict()), indent=2)
    write_file(out / "study.json", f"{data}\n", place="--out")
    write_table(found.to_frame().reset_index(), out / "answers.csv")
    if found.predictions is not None:
        write_table(found.predictions, out / "predictions.csv")
    write_picture(bl.plots.study(found), out / "study.png")
    bl.report(found, out / "report.html")
    return [f"report.html, study.png, study.json and answers.csv in {out}"]
