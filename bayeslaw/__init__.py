"""Bayesian scaling laws for Mixture-of-Experts language models.

>>> import bayeslaw as bl
>>> runs = bl.simulate("zhao2025", seed=7)
>>> posterior = bl.fit(runs, "zhao2025", seed=1)  # doctest: +SKIP
>>> best = bl.optimum(posterior, at={"N": 30e9})  # doctest: +SKIP
"""

__version__ = "0.1.0"

from bayeslaw import plots
from bayeslaw.calibrate import Calibration, calibrate
from bayeslaw.comparison import (
    Check,
    Comparison,
    Evidence,
    Nested,
    PredictiveCheck,
    RollingOrigin,
    SavageDickey,
    check,
    compare,
    evidence,
    nested,
    predictive_check,
    rolling_origin,
    savage_dickey,
)
from bayeslaw.compilation import clear_cache
from bayeslaw.cost import costs
from bayeslaw.discrepancy import GaussianProcess, Growth, Offsets
from bayeslaw.errors import BayesLawError
from bayeslaw.examine import examine
from bayeslaw.inference import fit, fit_each, fit_many
from bayeslaw.law import Law, law, laws
from bayeslaw.mixture import Mixture, mix
from bayeslaw.notes import Note
from bayeslaw.numpyro_model import numpyro_model
from bayeslaw.optimum import (
    Budget,
    Cheapest,
    Decision,
    Frontier,
    Optimum,
    Rules,
    cheapest,
    decide,
    frontier,
    lattice,
    optimum,
)
from bayeslaw.posterior import Posterior
from bayeslaw.replicates import Replicates, replicates
from bayeslaw.report import Report, report
from bayeslaw.runs import Reference, Runs, read_runs
from bayeslaw.sensitivity import Identified, identify
from bayeslaw.simulate import design, simulate

__all__ = [
    "BayesLawError",
    "Budget",
    "Calibration",
    "Cheapest",
    "Check",
    "Comparison",
    "Decision",
    "Evidence",
    "Frontier",
    "GaussianProcess",
    "Growth",
    "Identified",
    "Law",
    "Mixture",
    "Nested",
    "Note",
    "Offsets",
    "Optimum",
    "Posterior",
    "PredictiveCheck",
    "Reference",
    "Replicates",
    "Report",
    "RollingOrigin",
    "Rules",
    "Runs",
    "SavageDickey",
    "__version__",
    "calibrate",
    "cheapest",
    "check",
    "clear_cache",
    "compare",
    "costs",
    "decide",
    "design",
    "evidence",
    "examine",
    "fit",
    "fit_each",
    "fit_many",
    "frontier",
    "identify",
    "lattice",
    "law",
    "laws",
    "mix",
    "nested",
    "numpyro_model",
    "optimum",
    "plots",
    "predictive_check",
    "read_runs",
    "replicates",
    "report",
    "rolling_origin",
    "savage_dickey",
    "simulate",
]
