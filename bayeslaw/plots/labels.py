"""Numbers, letters and units as pictures write them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bayeslaw.core import vocabulary
from bayeslaw.core.quantities import count as count
from bayeslaw.formula import parse_expression
from bayeslaw.formula.latex import latex_expression, latex_name


def percent(probability: float) -> str:
    """A probability or share as a percentage."""
    return f"{100 * probability:.3g}%"


def math(text: str) -> str:
    """A name or expression set by mathtext in one line; a name of several letters stays a word."""
    latex = _latex(text)
    word = re.fullmatch(r"\\mathrm\{([A-Za-z]+)\}", latex)
    return word[1] if word else f"${latex}$"


def best(text: str) -> str:
    """The optimal value of a name or expression, with a star."""
    latex = _latex(text)
    return rf"${latex}^\star$" if text.isidentifier() else rf"$({latex})^\star$"


def label(name: str) -> str:
    """An axis label: the symbol, its meaning and its unit; other columns keep their names."""
    if name not in vocabulary.VOCABULARY:
        return name if name.isidentifier() else math(name)
    what = vocabulary.variable(name)
    unit = f" [{what.unit}]" if what.unit and what.unit not in what.means else ""
    return f"{math(name)}: {what.means}{unit}"


def predicted(predicts: str, loss_unit: str) -> str:
    """The axis label of a law's value."""
    return f"{predicts} [{loss_unit} per token]" if predicts == "loss" and loss_unit else predicts


def regret_unit(predicts: str) -> str:
    """The unit of a regret: losses are in nats wherever optima are searched."""
    return "nats" if predicts == "loss" else predicts


def at_values(at: Mapping[str, float]) -> str:
    """Values of variables after " at"; empty where there are none."""
    listed = ", ".join(f"{math(name)} = {count(value)}" for name, value in at.items())
    return f" at {listed}" if listed else ""


def _latex(text: str) -> str:
    if text.isidentifier():
        return latex_name(text)
    return _one_line(latex_expression(parse_expression(text)))


def _one_line(latex: str) -> str:
    """LaTeX with a slash for each fraction bar, in parentheses where a product would be misread."""
    while (start := latex.find(r"\frac")) >= 0:
        above, rest = _braces(latex[start + len(r"\frac") :])
        below, rest = _braces(rest)
        above = f"({above})" if re.search(r" [+-] ", above) else above
        below = f"({below})" if re.search(r" |\\frac", below) else below
        fraction = f"{above}/{below}"
        if latex[:start].endswith(r"\, ") or rest.startswith((r" \,", "^")):
            fraction = f"({fraction})"
        latex = latex[:start] + fraction + rest
    return latex


def _braces(latex: str) -> tuple[str, str]:
    """The content of the braces that LaTeX starts with, and the rest."""
    depth = 0
    for place, character in enumerate(latex):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return latex[1:place], latex[place + 1 :]
    raise ValueError(f"unbalanced braces in {latex!r}")
