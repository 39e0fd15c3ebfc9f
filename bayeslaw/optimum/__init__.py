"""Optima: the best configuration under a posterior."""

from bayeslaw.optimum.answer import Optimum, Quantity
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.decide import Decision, decide, lattice
from bayeslaw.optimum.optimum import optimum

__all__ = ["Budget", "Decision", "Optimum", "Quantity", "decide", "lattice", "optimum"]
