"""The main job on the built-in example."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import bayeslaw as bl
from bayeslaw.cli import results
from bayeslaw.cli.command import Answer
from bayeslaw.core.errors import RequestError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Where the paper states its own efficiency-aware shares, so that readers know these sizes.
SIZES = (30e9, 671e9)
#: Along which the share of active parameters is drawn.
CURVE = (1e9, 3e9, 1e10, 3e10, 1e11, 3e11, 1e12)
INTRODUCTION = """\
Zhao et al. (arXiv:2509.23678) published neither the list of their 446 runs nor the
losses. Design and losses below are simulated: 446 runs over the ranges of the paper,
losses from its published coefficients, noise .003 on log loss.
"""


def run(out: Path, seed: int) -> Answer:
    """Simulate, fit, optimise and draw."""
    start = time.perf_counter()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"the folder {str(out)!r} cannot be made ({error.strerror})",
            place="--out",
            remedy="Name a folder",
        ) from None
    # Shown at once, and beside an answer that programs read.
    sys.stderr.write(INTRODUCTION)
    runs = bl.simulate("zhao2025", design="independent", rows=446, noise_sd=0.003, seed=seed)
    runs.write(out / "runs.csv")
    posterior = bl.fit(runs, "zhao2025", seed=seed)
    posterior.save(out / "fit.nc")
    optima = {size: bl.optimum(posterior, at={"N": size}) for size in SIZES}
    pictures = {
        "overview.png": _overview(posterior, optima[SIZES[0]]),
        "posterior.png": bl.plots.coefficients(posterior),
        "optimum.png": bl.plots.optimum(list(optima.values())),
        "band.png": bl.plots.band(posterior, "N_a/N", at={"N": SIZES[0]}),
    }
    for name, figure in pictures.items():
        figure.savefig(out / name, dpi=150)
    files = [str(out / name) for name in ("runs.csv", "fit.nc", *pictures)]
    seconds = time.perf_counter() - start
    next_step = f"{seconds:.0f} s. Next: bayeslaw optimum {out / 'fit.nc'} --at N=100e9"
    return Answer(
        data={"answers": [optimum.to_dict() for optimum in optima.values()], "files": files},
        notes={note: None for optimum in optima.values() for note in optimum.notes},
        text=results.demo(optima, [*files, next_step]),
    )


def _overview(posterior: bl.Posterior, optimum: bl.Optimum) -> Figure:
    """Shares of active parameters over sizes, the optimum at one, and how flat it is."""
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
    bl.plots.optimum(optimum, ax=axes["best"])
    bl.plots.regret(optimum, ax=axes["flat"])
    return figure
