"""Pictures: one a function; each takes a result and returns a matplotlib figure."""

from bayeslaw.plots.active_share import active_share
from bayeslaw.plots.band import band
from bayeslaw.plots.calibration import calibration
from bayeslaw.plots.coefficients import coefficients
from bayeslaw.plots.comparison import comparison
from bayeslaw.plots.contours import contours
from bayeslaw.plots.decision import decision
from bayeslaw.plots.frontier import frontier
from bayeslaw.plots.isoflop import isoflop
from bayeslaw.plots.nested import nested
from bayeslaw.plots.optimum import optimum
from bayeslaw.plots.predictive import predictive
from bayeslaw.plots.prior_posterior import prior_posterior
from bayeslaw.plots.real_models import REAL_MODELS, RealModel
from bayeslaw.plots.regret import regret
from bayeslaw.plots.regret_map import regret_map
from bayeslaw.plots.residuals import residuals
from bayeslaw.plots.rolling import rolling
from bayeslaw.plots.target import target
from bayeslaw.plots.variance_shares import variance_shares

__all__ = [
    "REAL_MODELS",
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
    "optimum",
    "predictive",
    "prior_posterior",
    "regret",
    "regret_map",
    "residuals",
    "rolling",
    "target",
    "variance_shares",
]
