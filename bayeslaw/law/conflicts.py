"""Letters of a card that mean something else everywhere else."""

from __future__ import annotations

from bayeslaw.core.vocabulary import VOCABULARY
from bayeslaw.law.law import Law


def conflicts(law: Law) -> tuple[str, ...]:
    """Names of a card that are canonical variables too, and stand for something else in it."""
    found = []
    for name, letter in law.letters.items():
        if name not in VOCABULARY or letter.is_.text == name:
            continue
        what = letter.is_.text
        entry = VOCABULARY.get(what)
        means = letter.means or (entry.means if entry else "")
        said = f"{what} ({means})" if means else what
        # N = N / 1e9 is the same quantity in another unit.
        usual = f"{name} itself" if letter.is_.names == {name} else VOCABULARY[name].means
        found.append(f"{name} here is {said}, not {usual}")
    for name, parameter in law.parameters.items():
        if name in VOCABULARY:
            means = f" ({parameter.means})" if parameter.means else ""
            found.append(f"{name} here is a parameter{means}, not {VOCABULARY[name].means}")
    for name, _ in law.formula.lines:
        if name in VOCABULARY and not (name == law.formula.result and name == law.predicts):
            role = "what is predicted" if name == law.formula.result else "a line of the formula"
            said = f"{role} ({law.predicts})" if name == law.formula.result else role
            found.append(f"{name} here is {said}, not {VOCABULARY[name].means}")
    return tuple(found)
