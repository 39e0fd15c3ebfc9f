"""Notes on coefficients that the design of a table does not identify."""

from __future__ import annotations

from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.model.identifiability import informed
from bayeslaw.runs import ReferenceRun, Runs
from bayeslaw.runs.geometry import collinear
from bayeslaw.runs.tried import tried_notes


def design_notes(runs: Runs, law: Law, reference: ReferenceRun) -> tuple[Note, ...]:
    """Notes on constant and collinear variables, few runs and another convention of counts."""
    fixed = [name for name in law.variables if name in runs.constant(law.variables)]
    known = informed(law, runs, reference)
    prior_only = ", ".join(name for name in law.parameters if name in known.prior_only)
    confounded = ", ".join(name for name in law.parameters if name in known.confounded)
    effects, them = ("their effects", "them") if len(fixed) > 1 else ("its effect", "it")
    notes = []

    def warn(code: str, message: str, remedy: str) -> None:
        notes.append(Note(code, "warning", message, remedy))

    if fixed or prior_only or confounded:
        parts = [
            f"{_listed(fixed)} never varied in {runs.source}: {effects}, and optima over {them}, "
            "are identified by the prior only"
            if fixed
            else f"the configurations of {runs.source} do not identify all of {law.name}",
            prior_only and f"prior only: {prior_only}",
            confounded and f"identified only in combination: {confounded}",
        ]
        what = _listed(fixed) or "what these coefficients multiply"
        remedy = f"Add runs that vary {what}, or state an informative prior in with_priors(...)"
        warn("prior_only", "; ".join(filter(None, parts)), remedy)
    notes += collinear(runs, [name for name in law.variables if name not in fixed])
    different = len(runs.table[[*law.variables]].drop_duplicates())
    if different < len(law.parameters) or len(runs) == len(law.parameters):
        what = "runs" if different == len(runs) else "configurations"
        warn(
            "few_runs",
            f"{different} {what} for {len(law.parameters)} parameters of {law.name} and its noise: "
            "the prior identifies some of them",
            "Compare prior and posterior intervals in the summary",
        )
    notes += tried_notes(runs, [*law.variables], law.predicts)
    for letter in law.letters.values():
        if {runs.embeddings, letter.embeddings} == {"included", "excluded"}:
            warn(
                "embeddings",
                f"{letter.name} counts parameters with embeddings {letter.embeddings} in "
                f"{law.name}, and {runs.embeddings} in {runs.source}",
                "Count likewise (bl.architecture shows both), or read the coefficients in the "
                "table's convention",
            )
    return tuple(notes)


def _listed(names: list[str]) -> str:
    """Names in a sentence."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
