"""Laws: cards, their functional form and their coordinates."""

from bayeslaw.law.card import Check, Letter, Parameter
from bayeslaw.law.form import Form
from bayeslaw.law.law import Law
from bayeslaw.law.library import law, laws
from bayeslaw.law.priors import Prior

__all__ = ["Check", "Form", "Law", "Letter", "Parameter", "Prior", "law", "laws"]
