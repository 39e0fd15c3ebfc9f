"""Notes on what a table of runs can and cannot tell a law."""

from __future__ import annotations

from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.model.identifiability import informed
from bayeslaw.runs import Reference, Runs
from bayeslaw.runs.geometry import collinear


def design_notes(runs: Runs, law: Law, reference: Reference) -> tuple[Note, ...]:
    """What a table cannot say about a law, from its design alone."""
    found = []
    constant = runs.constant(law.variables)
    known = informed(law, runs, reference)
    only = ", ".join(name for name in law.parameters if name in known.prior_only)
    together = ", ".join(name for name in law.parameters if name in known.confounded)
    if constant or only or together:
        names = ", ".join(name for name in law.variables if name in constant)
        about = (
            f"{names} never varied in {runs.source}: the runs say nothing about its effect, and "
            "optima over it are the prior's"
            if names
            else f"the configurations of {runs.source} leave part of {law.name} to the prior"
        )
        said = [about]
        if only:
            said.append(f"the prior alone informs {only}")
        if together:
            said.append(f"the runs inform only a combination of {together}")
        found.append(
            Note(
                "prior_only",
                "warning",
                "; ".join(said),
                "Add runs that vary it, or state in with_priors(...) what is known otherwise",
            )
        )
    found += collinear(runs, [name for name in law.variables if name not in constant])
    if len(runs) < len(law.parameters):
        found.append(
            Note(
                "few_runs",
                "warning",
                f"{len(runs)} runs for {len(law.parameters)} parameters of {law.name}: the prior "
                "decides part of the answer",
                "Compare prior and posterior intervals in the summary",
            )
        )
    for letter in law.letters.values():
        ours, theirs = runs.embeddings, letter.embeddings
        if {ours, theirs} == {"included", "excluded"}:
            found.append(
                Note(
                    "embeddings",
                    "warning",
                    f"{letter.name} counts parameters with embeddings {theirs} in {law.name}, "
                    f"and {ours} in {runs.source}",
                    "Convert the counts, or read the coefficients in the table's convention",
                )
            )
    return tuple(found)
