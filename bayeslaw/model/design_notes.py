"""Notes on the coefficients that a table of runs cannot inform, from its design alone."""

from __future__ import annotations

from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.model.identifiability import informed
from bayeslaw.runs import ReferenceRun, Runs
from bayeslaw.runs.geometry import collinear


def design_notes(runs: Runs, law: Law, reference: ReferenceRun) -> tuple[Note, ...]:
    """Notes on constant and collinear variables, few runs and another convention of counts."""
    fixed = [name for name in law.variables if name in runs.constant(law.variables)]
    known = informed(law, runs, reference)
    prior_only = ", ".join(name for name in law.parameters if name in known.prior_only)
    confounded = ", ".join(name for name in law.parameters if name in known.confounded)
    notes = []

    def warn(code: str, message: str, remedy: str) -> None:
        notes.append(Note(code, "warning", message, remedy))

    if fixed or prior_only or confounded:
        parts = [
            f"{', '.join(fixed)} never varied in {runs.source}: the runs do not inform its effect, "
            "and optima over it are the prior's"
            if fixed
            else f"the configurations of {runs.source} leave part of {law.name} to the prior",
            prior_only and f"the prior alone informs {prior_only}",
            confounded and f"the runs inform only a combination of {confounded}",
        ]
        remedy = "Add runs that vary it, or state in with_priors(...) what is known otherwise"
        warn("prior_only", "; ".join(filter(None, parts)), remedy)
    notes += collinear(runs, [name for name in law.variables if name not in fixed])
    if len(runs) < len(law.parameters):
        warn(
            "few_runs",
            f"{len(runs)} runs for {len(law.parameters)} parameters of {law.name}: the prior "
            "decides part of the answer",
            "Compare prior and posterior intervals in the summary",
        )
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
