"""The main job on the built-in example, as one would do it by hand."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bayeslaw as bl
from bayeslaw.cli import show
from bayeslaw.core.errors import RequestError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Where the paper states its own efficiency-aware shares, so that readers know these sizes.
SIZES = (30e9, 671e9)
#: Along which the share of active parameters is drawn.
CURVE = (1e9, 3e9, 1e10, 3e10, 1e11, 3e11, 1e12)


def run(out: Path, seed: int, json: bool) -> None:
    """Simulate, fit, optimise, draw; print the table and name the files."""

    def say(text: str) -> None:
        (sys.stderr if json else sys.stdout).write(text + "\n")
        sys.stdout.flush()

    start = time.perf_counter()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"the folder {str(out)!r} cannot be made ({error.strerror})",
            place="--out",
            remedy="Name a folder",
        ) from None
    say(
        "Zhao et al. (arXiv:2509.23678) published neither the list of their 446 runs nor the\n"
        "losses. Design and losses below are simulated: 446 runs over the ranges of the paper,\n"
        "losses from its published coefficients, noise .003 on log loss."
    )
    runs = bl.simulate("zhao2025", design="independent", rows=446, noise_sd=0.003, seed=seed)
    runs.write(out / "runs.csv")
    posterior = bl.fit(runs, "zhao2025", seed=seed)
    posterior.save(out / "fit.nc")
    answers = [bl.optimum(posterior, at={"N": size}) for size in SIZES]
    pictures = {
        "overview.png": _overview(posterior, answers[0]),
        "posterior.png": bl.plots.coefficients(posterior),
        "optimum.png": bl.plots.optimum(answers),
        "band.png": bl.plots.band(posterior, "N_a/N", at={"N": SIZES[0]}),
    }
    for name, figure in pictures.items():
        figure.savefig(out / name, dpi=150)
    files = ["runs.csv", "fit.nc", *pictures]
    if json:
        _as_json(answers, [str(out / name) for name in files])
        return
    rows: list[list[Any]] = []
    for size, answer in zip(SIZES, answers, strict=True):
        for name, one in answer.quantities.items():
            where = f"{size / 1e9:g}B"
            rows.append([where, name, one.median, one.low, one.high, one.published, one.status])
    heads = ["N", "best", "median", "low", "high", "published", "status"]
    show.table("Optimal structure, 89% credible intervals", heads, rows)
    show.lines([f"At {SIZES[-1] / 1e9:g}B:", *answers[-1].near_lines()])
    show.notes({note: None for answer in answers for note in answer.notes})
    for name in files:
        say(str(out / name))
    say(
        f"{time.perf_counter() - start:.0f} s. Next: bayeslaw optimum {out / 'fit.nc'} --at N=100e9"
    )


def _overview(posterior: bl.Posterior, answer: bl.Optimum) -> Figure:
    """The answer in one picture: shares of active parameters, the optimum, and how flat it is."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplot_mosaic(
        [["share", "best"], ["share", "flat"]],
        figsize=(11, 4.4),
        layout="constrained",
        width_ratios=[1, 1.4],
    )
    curve = [bl.optimum(posterior, at={"N": size}) for size in CURVE]
    largest = float(posterior.runs.column("N").max())
    bl.plots.active_share(curve, largest=largest, ax=axes["share"])
    bl.plots.optimum(answer, ax=axes["best"])
    bl.plots.regret(answer, ax=axes["flat"])
    return figure


def _as_json(answers: list[bl.Optimum], files: list[str]) -> None:
    show.as_json({"answers": [answer.to_dict() for answer in answers], "files": files})
