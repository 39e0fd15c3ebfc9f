"""Optima: the best configuration under a posterior."""

from bayeslaw.optimum.answer import Optimum, Quantity
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.decide import Decision, decide, lattice
from bayeslaw.optimum.near import Near
from bayeslaw.optimum.optimum import Frontier, frontier, optimum
from bayeslaw.optimum.rules import Rules

__all__ = [
    "Budget",
    "Decision",
    "Frontier",
    "Near",
    "Optimum",
    "Quantity",
    "Rules",
    "decide",
    "frontier",
    "lattice",
    "optimum",
]
