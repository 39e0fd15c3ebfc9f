"""Optima: the best configuration under a posterior."""

from bayeslaw.optimum.answer import Optimum, Quantity
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.cheapest import Cheapest, cheapest
from bayeslaw.optimum.decide import Decision, decide, lattice
from bayeslaw.optimum.near import Near
from bayeslaw.optimum.optimum import Frontier, frontier, optimum
from bayeslaw.optimum.rules import Rules

__all__ = [
    "Budget",
    "Cheapest",
    "Decision",
    "Frontier",
    "Near",
    "Optimum",
    "Quantity",
    "Rules",
    "cheapest",
    "decide",
    "frontier",
    "lattice",
    "optimum",
]
