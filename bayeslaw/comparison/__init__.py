"""Comparing laws: how they predict runs left out, larger runs, and new ones."""

from bayeslaw.comparison.check import Check, check
from bayeslaw.comparison.compare import compare
from bayeslaw.comparison.evidence import Evidence, SavageDickey, evidence, savage_dickey
from bayeslaw.comparison.nested import Nested, nested
from bayeslaw.comparison.predictive import PredictiveCheck, predictive_check
from bayeslaw.comparison.result import Comparison
from bayeslaw.comparison.rolling import RollingOrigin, rolling_origin

__all__ = [
    "Check",
    "Comparison",
    "Evidence",
    "Nested",
    "PredictiveCheck",
    "RollingOrigin",
    "SavageDickey",
    "check",
    "compare",
    "evidence",
    "nested",
    "predictive_check",
    "rolling_origin",
    "savage_dickey",
]
