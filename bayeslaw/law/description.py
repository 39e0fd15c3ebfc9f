"""A law card as a page of plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bayeslaw.core.vocabulary import VOCABULARY
from bayeslaw.formula import Expression
from bayeslaw.formula.latex import latex
from bayeslaw.law.law import Law
from bayeslaw.law.priors import Prior


def page(law: Law) -> dict[str, Any]:
    """All that a card states."""
    letters = [_plain(letter) for letter in law.letters.values()]
    return {
        "name": law.name,
        "aliases": list(law.card.get("aliases", ())),
        "title": law.title,
        "source": law.source,
        "paper": law.card.get("paper", ""),
        "year": law.year,
        "status": law.status,
        "predicts": law.predicts,
        "formula": _lines(law),
        "latex": latex(law.formula),
        "terms": list(law.terms),
        "letters": [{"letter": letter.pop("name"), **letter} for letter in letters],
        "parameters": [_plain(parameter) for parameter in law.parameters.values()],
        "coefficients": {title: dict(raw) for title, raw in law.coefficients.items()},
        "conflicts": list(conflicts(law)),
        "cost": None if law.cost is None else asdict(law.cost),
        "units": [list(group) for group in law.units],
        **_plain(law.optimum),
        "notes": list(law.caveats),
        "checks": len(law.checks),
    }


def _plain(part: Any) -> dict[str, Any]:
    """A part of a card as plain data."""
    plain: dict[str, Any] = {}
    for key, value in vars(part).items():
        if isinstance(value, Expression):
            value = value.text
        elif isinstance(value, Prior):
            value = str(value)
        plain[key.rstrip("_")] = list(value) if isinstance(value, tuple) else value
    return plain


def _lines(law: Law) -> list[str]:
    """The formula as the card has it; a bare expression gets the name of its result."""
    written = [line.rstrip() for line in str(law.card["formula"]).strip().splitlines()]
    (target, expression), *more = law.formula.lines
    if not more and expression.text == "\n".join(written).strip():
        return [f"{target} = {expression.text}"]
    # Lines that only serve to state priors are no part of the law.
    printed = {target for target, _ in law.formula.printed}
    return [line for line in written if line.partition("=")[0].strip() in printed]


def conflicts(law: Law) -> tuple[str, ...]:
    """Names of a card that are canonical variables too, and stand for something else in it."""
    meanings: list[tuple[str, str, str]] = []
    for name, letter in law.letters.items():
        what = letter.is_.text
        if name in VOCABULARY and what != name:
            known = VOCABULARY[what].means if what in VOCABULARY else ""
            means = letter.means or known
            # N = N / 1e9 is the same quantity in another unit.
            usual = f"{name} itself" if letter.is_.names == {name} else VOCABULARY[name].means
            meanings.append((name, f"{what} ({means})" if means else what, usual))
    for name, parameter in law.parameters.items():
        if name in VOCABULARY:
            means = f" ({parameter.means})" if parameter.means else ""
            meanings.append((name, f"a parameter{means}", VOCABULARY[name].means))
    for name in law.formula.targets:
        is_result = name == law.formula.result
        if name in VOCABULARY and not (is_result and name == law.predicts):
            role = f"what is predicted ({law.predicts})" if is_result else "a line of the formula"
            meanings.append((name, role, VOCABULARY[name].means))
    return tuple(f"{name} here is {what}, not {usual}" for name, what, usual in meanings)
