"""chinchilla 0.2: the paper's objective from the grid of 3,125 starts that its README shows."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from peers import FLOPS, Answer, point


def answer(path: str, law: str, seed: int) -> Answer:
    """Fit E, A, B, alpha and beta, and allocate the compute."""
    import matplotlib as mpl

    mpl.use("Agg")  # it draws a picture with every fit
    import pandas as pd
    from chinchilla import Chinchilla
    from chinchilla._metrics import log_huber

    def objective(*losses: Any) -> Any:
        return log_huber(*losses, delta=1e-3)

    with tempfile.TemporaryDirectory() as folder:
        runs = pd.read_csv(path)[["N", "D", "loss"]]
        runs.insert(0, "C", 6 * runs["N"] * runs["D"])
        runs.to_csv(Path(folder) / "df.csv", index=False)
        tool = Chinchilla(
            folder,
            param_grid={
                "E": np.linspace(1, 2, 5),
                "a": np.linspace(1, 10, 5),
                "b": np.linspace(1, 10, 5),
                "alpha": np.linspace(0.1, 0.7, 5),
                "beta": np.linspace(0.1, 0.7, 5),
            },
            loss_fn=objective,
            log_level=60,
        )
        tool.fit()
        found = {name: point(tool.params[name]) for name in ("E", "alpha", "beta")}
        size, _ = tool.allocate_compute(FLOPS)
    return {**found, "N*": point(size)}, ""
