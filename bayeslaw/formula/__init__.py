"""Text to checked expression tree to numbers."""

from bayeslaw.formula.language import FUNCTIONS, Expression, parse_expression
from bayeslaw.formula.lines import Formula, Scope, parse_formula

__all__ = ["FUNCTIONS", "Expression", "Formula", "Scope", "parse_expression", "parse_formula"]
