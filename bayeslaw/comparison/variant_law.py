"""A law of two recipes that share all coefficients: one counts as more of a variable."""

from __future__ import annotations

import copy

from bayeslaw.core.errors import RequestError
from bayeslaw.formula import parse_expression
from bayeslaw.formula.simplify import substitute, substitute_lines
from bayeslaw.law import Law

#: The variable that tells the recipes apart, e for the variant and 1 for the baseline, and the
#: logarithm of what the variant multiplies by.
RECIPE, LOGARITHM = "recipe_", "ln_speedup"
#: A factor of e either way is one standard deviation of the prior.
_PRIOR = {"family": "normal", "mean": 0.0, "sd": 1.0}


def variant_law(law: Law, over: str, *, place: str) -> Law:
    """The law, in which a run of the variant counts as exp(ln_speedup) times the variable."""
    letters = [name for name, letter in law.letters.items() if over in letter.is_.names]
    read = [law.letters[name].is_.text for name in letters]
    if read != [over]:
        remedy = "Fit the recipes apart: shared=False, --no-shared"
        problem = f"{law.name} reads {over} as {', '.join(read)}, which cannot be multiplied"
        raise RequestError(problem, place=place, remedy=remedy)
    card, letter = copy.deepcopy(law.card), letters[0]
    tree = parse_expression(f"{letter}*{RECIPE}**{LOGARITHM}", place=place).tree
    formula, known = substitute_lines(law.formula, {letter: tree})
    card["formula"] = "\n".join(f"{target} = {line.text}" for target, line in formula.lines)
    for entry, parameter in zip(card["parameters"].values(), law.parameters.values(), strict=True):
        entry["on"] = substitute(parameter.on, known).text
    card["variables"][RECIPE] = {"is": RECIPE, "means": "e for the variant, 1 for the baseline"}
    means = f"logarithm of how many times as much {over} a run of the variant counts as"
    card["parameters"][LOGARITHM] = {"prior": _PRIOR, "means": means}
    card["name"] = f"{law.name} (one speedup)"
    for key in ("aliases", "coefficients", "checks", "optimum", "design", "same_form_as"):
        card.pop(key, None)
    return Law(card, law.place)
