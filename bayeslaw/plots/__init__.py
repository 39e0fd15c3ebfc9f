"""Pictures: each function takes a result and returns a matplotlib figure."""

from bayeslaw.plots.active_share import REAL_MODELS, RealModel, active_share
from bayeslaw.plots.band import band
from bayeslaw.plots.checks import calibration, predictive, rolling
from bayeslaw.plots.coefficients import coefficients, prior_posterior
from bayeslaw.plots.comparison import comparison, nested
from bayeslaw.plots.contours import contours
from bayeslaw.plots.decision import decision, regret_map
from bayeslaw.plots.isoflop import isoflop
from bayeslaw.plots.next_runs import next_runs
from bayeslaw.plots.optimum import frontier, optimum, regret, target
from bayeslaw.plots.residuals import residuals
from bayeslaw.plots.save import WIDTHS, save
from bayeslaw.plots.speedup import speedup
from bayeslaw.plots.study import study
from bayeslaw.plots.variance_shares import variance_shares

__all__ = [
    "REAL_MODELS",
    "WIDTHS",
    "RealModel",
    "active_share",
    "band",
    "calibration",
    "coefficients",
    "comparison",
    "contours",
    "decision",
    "frontier",
    "isoflop",
    "nested",
    "next_runs",
    "optimum",
    "predictive",
    "prior_posterior",
    "regret",
    "regret_map",
    "residuals",
    "rolling",
    "save",
    "speedup",
    "study",
    "target",
    "variance_shares",
]
