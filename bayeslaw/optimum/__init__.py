"""Optima: the best configuration under a posterior."""

from bayeslaw.optimum.answer import Optimum, Quantity
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.optimum import optimum

__all__ = ["Budget", "Optimum", "Quantity", "optimum"]
