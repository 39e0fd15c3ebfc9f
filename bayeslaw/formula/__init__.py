"""Text to checked expression tree to numbers."""

from bayeslaw.formula.formula import Formula, Scope, parse_formula
from bayeslaw.formula.language import FUNCTIONS, Array, Expression, parse_expression

__all__ = [
    "FUNCTIONS",
    "Array",
    "Expression",
    "Formula",
    "Scope",
    "parse_expression",
    "parse_formula",
]
