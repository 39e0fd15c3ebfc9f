"""Optima: the best configuration under a posterior."""

from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.optimum import Optimum, Quantity, optimum

__all__ = ["Budget", "Optimum", "Quantity", "optimum"]
