"""Which parameters a law counts, and configurations counted likewise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayeslaw.architecture.buildable import Buildable
from bayeslaw.core.errors import RequestError
from bayeslaw.core.notes import Note
from bayeslaw.core.quantities import count as written
from bayeslaw.posterior.mixture import Mixture
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd

_SIZES = {"N", "N_a"}
_KNOWN = {"included", "excluded"}


def embeddings_of(posterior: Posterior | Mixture) -> str | None:
    """Whether a law counts embeddings: as its runs do, else as its card; None if unknown."""
    posteriors = posterior.posteriors if isinstance(posterior, Mixture) else [posterior]
    conventions = {
        convention for part in posteriors if (convention := _convention(part)) is not None
    }
    if len(conventions) > 1:
        raise RequestError(
            "laws that count embeddings are averaged with laws that do not",
            place="mixture",
            remedy="Average laws of one convention, or fit them to one table",
        )
    return next(iter(conventions), None)


def as_the_law_counts(
    posterior: Posterior | Mixture, built: Buildable
) -> tuple[pd.DataFrame, list[Note]]:
    """Configurations with N and N_a in the law's convention, and a note on it."""
    convention = embeddings_of(posterior)
    if convention is None:
        message = (
            "neither runs nor card state whether N and N_a count embeddings; the configurations "
            f"are counted with embeddings {built.embeddings}"
        )
        remedy = "Declare it: read_runs(..., embeddings='included' or 'excluded')"
        return built.to_frame(), [Note("embeddings_unknown", "info", message, remedy)]
    counted, everything = built.counted(convention), built.counted("included")
    sizes = (
        f"{counted.frame.index[0]} has N = {written(counted.frame['N'].iloc[0], 4)}, of "
        f"{written(everything.frame['N'].iloc[0], 4)} with all embeddings"
    )
    message = f"N and N_a are counted as the law's, embeddings {convention}: {sizes}"
    return counted.to_frame(), [Note("embeddings_converted", "info", message)]


def _convention(posterior: Posterior) -> str | None:
    if posterior.runs.embeddings is not None:
        return posterior.runs.embeddings
    stated = {
        letter.embeddings
        for letter in posterior.law.letters.values()
        if letter.is_.names & _SIZES and letter.embeddings in _KNOWN
    }
    return stated.pop() if len(stated) == 1 else None
