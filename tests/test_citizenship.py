"""A guest in the user's program: every setting is afterwards as it was before."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pytest
from settings import state

import bayeslaw as bl

mpl.use("Agg")

BUDGET = bl.Budget(train_flops=1e22)
FIT: dict[str, Any] = {"draws": 200, "warmup": 100, "chains": 2, "progress": False}


@pytest.fixture(scope="module")
def fitted() -> bl.Posterior:
    runs = bl.simulate("chinchilla", rows=30, seed=7)
    return bl.fit(runs, "chinchilla", method="laplace", seed=1, **FIT)


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program with settings of its own."""
    monkeypatch.setitem(mpl.rcParams, "lines.linewidth", 3.3)
    monkeypatch.setattr(logging.getLogger("jax"), "level", logging.ERROR)


def refused(posterior: bl.Posterior) -> None:
    with pytest.raises(bl.BayesLawError, match="'Q'"):
        bl.optimum(posterior, at={"Q": 1.0})


CALLS: dict[str, Callable[[bl.Posterior, Path], Any]] = {
    "simulate": lambda p, folder: bl.simulate("chinchilla", rows=30, seed=7),
    "write and read": lambda p, folder: (
        p.runs.write(folder / "runs.csv"),
        bl.read_runs(folder / "runs.csv"),
    ),
    "laplace": lambda p, folder: bl.fit(p.runs, "chinchilla", method="laplace", **FIT),
    "nuts": lambda p, folder: bl.fit(p.runs, "chinchilla", **FIT),
    "fit_many": lambda p, folder: bl.fit_many(
        [p.runs], "chinchilla", method="laplace", folder=folder, **FIT
    ),
    "to_frame": lambda p, folder: p.to_frame(),
    "predict": lambda p, folder: p.predict(p.runs, level="observation"),
    "variance_shares": lambda p, folder: p.variance_shares(p.runs),
    "save and load": lambda p, folder: (p.save(folder / "fit.nc"), bl.load(folder / "fit.nc")),
    "optimum": lambda p, folder: bl.optimum(p, budget=BUDGET),
    "decide": lambda p, folder: bl.decide(p, {"N": [1e9, 2e9], "D": [2e10, 1e10]}),
    "check": lambda p, folder: bl.posterior_predictive_check(p),
    "picture": lambda p, folder: bl.plots.optimum(bl.optimum(p, budget=BUDGET)),
    "report": lambda p, folder: bl.report(p, folder / "page.html", budget=BUDGET, next_runs=False),
    "refusal": lambda p, folder: refused(p),
}


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("name", CALLS)
def test_settings_are_as_before(fitted: bl.Posterior, tmp_path: Path, name: str) -> None:
    # As strict as a program can be; the user's own function stays in single precision.
    own = jax.jit(lambda x: x * 2 + 1)
    with np.errstate(all="raise"):
        own(jnp.ones(3))
        before = state()
        CALLS[name](fitted, tmp_path)
        after = state()
        assert own(jnp.ones(3)).dtype == jnp.float32
        assert own._cache_size() == 1
    for what, value in before.items():
        assert after[what] == value, what


IMPORT = """
import importlib, logging, pkgutil, sys
import arviz, jax, matplotlib.pyplot, numpyro, pandas, xarray
sys.path.insert(0, sys.argv[1])
from settings import state

before = state()
import bayeslaw as bl

for name in bl.__all__:
    getattr(bl, name)
for module in pkgutil.walk_packages(bl.__path__, "bayeslaw."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
after = state()
print([what for what in before if before[what] != after[what]])
"""


def test_importing_changes_nothing() -> None:
    command = [sys.executable, "-c", IMPORT, str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "[]\n"
