"""Which laws are compared: all read, each once, of one quantity, over one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bayeslaw.core.errors import RequestError, TableError
from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.runs import Runs

Given = str | Path | Law
_PLACE = "compare, laws"


def entrants(
    runs: Runs, laws: Sequence[Given] | Mapping[str, Given], *, skip_unfit: bool
) -> tuple[dict[str, Law], Runs, list[Note]]:
    """Read the laws and refuse what cannot be compared."""
    found = _loaded(laws)
    _several(found, ())
    _differ(found)
    if not skip_unfit:
        _one_quantity(found)
    kept, notes = {}, []
    for label, law in found.items():
        needs = [*law.variables, law.predicts]
        try:
            runs = runs.require(needs, purpose=f"the law {label!r}")
        except TableError as error:
            if not skip_unfit:
                raise TableError(
                    error.problem,
                    place=error.place,
                    remedy=f"{error.remedy}. Or leave that law out (skip_unfit=True, --skip-unfit)",
                ) from None
            notes.append(Note("law_left_out", "warning", error.problem, error.remedy))
        else:
            kept[label] = law
    _several(kept, notes)
    _one_quantity(kept)
    return kept, runs, notes


def _loaded(laws: Sequence[Given] | Mapping[str, Given]) -> dict[str, Law]:
    if isinstance(laws, str | Path | Law) or not isinstance(laws, Iterable):
        raise RequestError(
            f"{laws!r} is no list of laws", place=_PLACE, remedy='Such as ["chinchilla", my_law]'
        )
    if isinstance(laws, Mapping):
        return {str(label): load_law(given) for label, given in laws.items()}
    found: dict[str, Law] = {}
    for given in laws:
        law = load_law(given)
        if law.name in found:
            same = statistics(law) == statistics(found[law.name])
            raise RequestError(
                f"the law {law.name!r} is there twice"
                if same
                else f"two different laws are called {law.name!r}",
                place=_PLACE,
                remedy="Give it once" if same else 'Label them: {"one": law, "other": law}',
            )
        found[law.name] = law
    return found


def statistics(law: Law) -> tuple[object, ...]:
    """All of a law that a fit depends on."""
    priors = tuple((name, entry.prior) for name, entry in law.parameters.items())
    return law.form, priors, law.predicts


def _differ(laws: Mapping[str, Law]) -> None:
    seen: dict[tuple[object, ...], str] = {}
    for label, law in laws.items():
        other = seen.setdefault(statistics(law), label)
        if other != label:
            raise RequestError(
                f"{other!r} and {label!r} are the same law", place=_PLACE, remedy="Give it once"
            )


def _several(laws: Mapping[str, Law], notes: Sequence[Note]) -> None:
    if len(laws) < 2:
        said = f"only {next(iter(laws))!r}" if laws else "no law"
        left = f": {'; '.join(note.message for note in notes)}" if notes else ""
        raise RequestError(
            f"{said} is there to be compared{left}", place=_PLACE, remedy="Give two or more laws"
        )


def _one_quantity(laws: Mapping[str, Law]) -> None:
    quantities: dict[str, list[str]] = {}
    for label, law in laws.items():
        quantities.setdefault(law.predicts, []).append(label)
    if len(quantities) > 1:
        said = "; ".join(f"{', '.join(labels)}: {what}" for what, labels in quantities.items())
        raise RequestError(
            f"the laws predict different quantities ({said})",
            place=_PLACE,
            remedy="Compare laws of one quantity",
        )
