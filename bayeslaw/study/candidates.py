"""The laws that a table can be studied with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bayeslaw.core.errors import RequestError, some_of
from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.law.library import cards, law as load_law
from bayeslaw.runs import Runs
from bayeslaw.runs.suggestions import of_experts

_PLACE = "study"
# A law has a floor if its value far beyond any run is more than this share of that at a run.
_FAR, _FLOOR = 1e30, 0.05
# Laws of one variable x, or of a pool, describe a curve; a study is of training runs.
_SIZES = {"N", "N_a"}


def study_laws(
    runs: Runs, laws: Iterable[str | Law] | None, predicts: str
) -> tuple[list[Law], list[Note]]:
    """The laws named, or those of the library that suit a table; notes on those left out."""
    if laws is not None:
        if isinstance(laws, str | Law):
            laws = [laws]
        named = [load_law(each) for each in laws]
        if not named:
            raise RequestError("no laws", place=_PLACE, remedy="Name one, or leave out laws=")
        return named, []
    library = [load_law(name) for name in cards()]
    library = [law for law in library if law.predicts == predicts and _SIZES & set(law.variables)]
    readable = [law for law in library if set(law.variables) <= set(runs.variables)]
    if not readable:
        # Some law reads N alone, and some N_a alone.
        sizes = ("N", "N_a", "G", "S", "D") if of_experts(runs.table) else ("N", "D")
        runs.require((*sizes, "loss"), purpose="a study")
    varied = {name for name in runs.variables if name not in runs.constant(runs.variables)}
    dense = _dense(runs)
    if dense:
        varied.discard("N_a")
    left_out = {law.name: _left_out(law, readable, varied, len(runs), dense) for law in readable}
    kept = [law for law in readable if not left_out[law.name]]
    reasons: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        if reason:
            reasons.setdefault(reason, []).append(name)
    each = [f"{', '.join(names)} ({reason})" for reason, names in reasons.items()]
    if not kept:
        raise RequestError(
            f"no law suits {runs.source}: {some_of(each, 3)}",
            place=_PLACE,
            remedy="Name one in laws= (--laws), or add the columns that it lacks",
        )
    if not each:
        return kept, []
    message = f"laws that are left out: {'; '.join(each)}"
    return kept, [Note("law_left_out", "info", message, "Name a law in laws= to include it")]


def _left_out(law: Law, readable: list[Law], varied: set[str], count: int, dense: bool) -> str:
    """Why a law does not take part by default; empty if it does."""
    same = law.card.get("same_form_as")
    if same in {other.name for other in readable}:
        return f"it has the form of {same}"
    routed = sorted(set(law.variables) - varied - {"N", "D"})
    if routed and dense:
        return f"it reads {', '.join(routed)}, and the runs are dense (N_a = N)"
    own = varied & set(law.variables)
    more = [other for other in readable if own < (varied & set(other.variables))]
    if more:
        unread = sorted((varied & set(more[0].variables)) - own)
        vary = "vary" if len(unread) > 1 else "varies"
        return f"it does not read {', '.join(unread)}, which {vary}, and {more[0].name} does"
    if "D" in varied and "D" not in law.variables:
        return "it does not read D, which varies"
    if "N_a" in varied and set(law.variables) <= {"N", "D"}:
        return "it does not read N_a, which varies: it is a law of dense models"
    if count < len(law.parameters) + 2:
        return f"{len(law.parameters)} parameters need more than {count} runs"
    if not has_floor(law):
        return "it has no floor: its loss falls to zero far beyond the runs"
    return ""


def _dense(runs: Runs) -> bool:
    """Whether all parameters are active in every run, as where they are counted of dense models."""
    sizes = {"N", "N_a"} <= set(runs.variables)
    return sizes and bool((runs.column("N") == runs.column("N_a")).all())


def has_floor(law: Law) -> bool:
    """Whether the law levels off as all sizes grow, at published or typical coefficients."""
    at = law.middle
    if not at:
        return True
    raw = law.published() if law.coefficients else law.at_medians(at, 1.0)
    far = {n: v * _FAR if n in ("N", "N_a", "D") else v for n, v in at.items()}
    with np.errstate(all="ignore"):
        here, there = (float(law.form.predict(point, raw)) for point in (at, far))
    return bool(there > _FLOOR * here)
