"""A law card as a page: all that a reader wants to see of it, as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bayeslaw.formula.latex import latex
from bayeslaw.law.conflicts import conflicts
from bayeslaw.law.law import Law


def page(law: Law) -> dict[str, Any]:
    """What a card says, as plain data."""
    return {
        "name": law.name,
        "aliases": list(law.card.get("aliases", ())),
        "title": law.title,
        "source": law.source,
        "paper": str(law.card.get("paper", "")),
        "year": law.year,
        "status": law.status,
        "predicts": law.predicts,
        "formula": _lines(law),
        "latex": latex(law.formula),
        "terms": list(law.terms),
        "letters": [
            {
                "letter": letter.name,
                "is": letter.is_.text,
                "means": letter.means,
                "embeddings": letter.embeddings,
                "range": None if letter.range is None else list(letter.range),
                "base": None if letter.base is None else letter.base.text,
                "values": list(letter.values),
            }
            for letter in law.letters.values()
        ],
        "parameters": [
            {
                "name": parameter.name,
                "means": parameter.means,
                "prior": str(parameter.prior),
                "on": parameter.on.text,
                "role": parameter.role,
                "weak": parameter.weak,
            }
            for parameter in law.parameters.values()
        ],
        "coefficients": {title: dict(one) for title, one in law.coefficients.items()},
        "conflicts": list(conflicts(law)),
        "cost": None if law.cost is None else asdict(law.cost),
        "units": [list(group) for group in law.units],
        "free": list(law.optimum.free),
        "report": list(law.optimum.report),
        "sense": law.optimum.sense,
        "notes": list(law.caveats),
        "checks": len(law.checks),
    }


def _lines(law: Law) -> list[str]:
    """The formula as the card has it; a bare expression gets the name of its result."""
    written = [line.rstrip() for line in str(law.card["formula"]).strip().splitlines()]
    (target, expression), *more = law.formula.lines
    bare = not more and expression.text == "\n".join(written).strip()
    if bare:
        return [f"{target} = {expression.text}"]
    # Lines that only serve to state priors are no part of the law.
    printed = {target for target, _ in law.formula.printed}
    return [line for line in written if line.partition("=")[0].strip() in printed]
