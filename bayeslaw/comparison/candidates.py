"""The laws of a comparison: each once, all of one quantity, over one table and one reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bayeslaw.core.errors import RequestError, TableError, refuse
from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.runs import ReferenceRun, Runs

LawLike = str | Path | Law
_PLACE = "compare, laws"
#: With fewer runs none can be left out.
LEAST_RUNS = 3


@dataclass(frozen=True)
class Candidates:
    """Laws by label that can be compared on one table; notes on those that are left out."""

    laws: dict[str, Law]
    runs: Runs
    reference: ReferenceRun
    notes: tuple[Note, ...]

    def reference_of(self, law: Law) -> ReferenceRun:
        """The part of the reference that a law reads; ``fit`` names what is missing."""
        at = self.reference.at
        return ReferenceRun(self.reference.loss, {n: at[n] for n in law.variables if n in at})


def read_candidates(
    runs: Runs,
    laws: Sequence[LawLike] | Mapping[str, LawLike],
    reference: ReferenceRun | None,
    *,
    skip_incompatible: bool,
) -> Candidates:
    """Read the laws and refuse what cannot be compared."""
    if len(runs) < LEAST_RUNS:
        remedy = f"Give {LEAST_RUNS} or more to compare on"
        raise TableError(f"{len(runs)} runs", place=runs.source, remedy=remedy)
    loaded = _load(laws)
    _require_two(loaded)
    if not skip_incompatible:
        _require_one_quantity(loaded)
    kept, notes = {}, []
    for label, law in loaded.items():
        try:
            runs = runs.require([*law.variables, law.predicts], purpose=f"the law {label!r}")
        except TableError as error:
            if not skip_incompatible:
                remedy = f"{error.remedy}. Or omit that law (skip_incompatible=True)"
                raise TableError(error.problem, place=error.place, remedy=remedy) from None
            notes.append(Note("law_left_out", "warning", error.problem, error.remedy))
        else:
            kept[label] = law
    _require_two(kept, notes)
    _require_one_quantity(kept)
    if reference is None:
        names = dict.fromkeys(name for law in kept.values() for name in law.variables)
        reference = ReferenceRun.of(runs, names, next(iter(kept.values())).predicts)
    return Candidates(kept, runs, reference, tuple(notes))


def model_of(law: Law) -> tuple[object, ...]:
    """Everything of a law that a fit depends on: equal for two cards of one model."""
    priors = tuple((name, entry.prior) for name, entry in law.parameters.items())
    return law.form, priors, law.predicts


def _load(laws: Sequence[LawLike] | Mapping[str, LawLike]) -> dict[str, Law]:
    if isinstance(laws, str | Path | Law) or not isinstance(laws, Iterable):
        remedy = 'Such as ["chinchilla", my_law]'
        raise RequestError(f"{laws!r} is not a list of laws", place=_PLACE, remedy=remedy)
    if isinstance(laws, Mapping):
        pairs = [(str(label), load_law(each)) for label, each in laws.items()]
    else:
        pairs = [(law.name, law) for law in map(load_law, laws)]
    loaded: dict[str, Law] = {}
    for label, law in pairs:
        for other, earlier in loaded.items():
            same, called_alike = model_of(law) == model_of(earlier), label == other
            two = f"two different laws are called {label!r}"
            label_them = 'Label them: {"one": law, "other": law}'
            refuse(
                _PLACE,
                (same and called_alike, f"the law {label!r} is given twice", "Give it once"),
                (same, f"{other!r} and {label!r} are the same law", "Give it once"),
                (called_alike, two, label_them),
            )
        loaded[label] = law
    return loaded


def _require_two(laws: Mapping[str, Law], notes: Sequence[Note] = ()) -> None:
    if len(laws) < 2:
        number = f"only {next(iter(laws))!r}" if laws else "no law"
        reasons = f": {'; '.join(note.message for note in notes)}" if notes else ""
        problem = f"{number} to compare{reasons}"
        raise RequestError(problem, place=_PLACE, remedy="Give two or more laws")


def _require_one_quantity(laws: Mapping[str, Law]) -> None:
    quantities: dict[str, list[str]] = {}
    for label, law in laws.items():
        quantities.setdefault(law.predicts, []).append(label)
    listed = "; ".join(f"{', '.join(labels)}: {what}" for what, labels in quantities.items())
    problem = f"the laws predict different quantities ({listed})"
    refuse(_PLACE, (len(quantities) > 1, problem, "Compare laws of one quantity"))
