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
    text = str(law.card["formula"]).strip()
    written = [line.rstrip() for line in text.splitlines()]
    if law.formula.lines[0][1].text == "\n".join(written):
        return [f"{law.formula.result} = {text}"]
    # Lines that only serve to state priors are no part of the law.
    printed = {target for target, _ in law.formula.printed}
    return [line for line in written if line.partition("=")[0].strip() in printed]


def conflicts(law: Law) -> tuple[str, ...]:
    """Names of a card that are canonical variables too, and stand for something else in it."""
    conflicts: list[str] = []

    def add(name: str, what: str, usual: str = "") -> None:
        if name in VOCABULARY:
            usual = usual or VOCABULARY[name].means
            conflicts.append(f"{name} here is {what}, not {usual}")

    for name, letter in law.letters.items():
        what = letter.is_.text
        if what != name:
            means = letter.means or (VOCABULARY[what].means if what in VOCABULARY else "")
            # N = N / 1e9 is the same quantity in another unit.
            usual = f"{name} itself" if letter.is_.names == {name} else ""
            add(name, f"{what} ({means})" if means else what, usual)
    for name, parameter in law.parameters.items():
        add(name, f"a parameter ({parameter.means})" if parameter.means else "a parameter")
    *lines, result = law.formula.targets
    for name in lines:
        add(name, "a line of the formula")
    if result != law.predicts:
        add(result, f"what is predicted ({law.predicts})")
    return tuple(conflicts)
