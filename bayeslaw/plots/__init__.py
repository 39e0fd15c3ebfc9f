"""Pictures: one a function; each takes a result and returns a matplotlib figure."""

from bayeslaw.plots.band import band
from bayeslaw.plots.coefficients import coefficients
from bayeslaw.plots.comparison import comparison
from bayeslaw.plots.decision import decision
from bayeslaw.plots.frontier import frontier
from bayeslaw.plots.nested import nested
from bayeslaw.plots.optimum import optimum
from bayeslaw.plots.predictive import predictive
from bayeslaw.plots.regret import regret
from bayeslaw.plots.residuals import residuals
from bayeslaw.plots.target import target

__all__ = [
    "band",
    "coefficients",
    "comparison",
    "decision",
    "frontier",
    "nested",
    "optimum",
    "predictive",
    "regret",
    "residuals",
    "target",
]
