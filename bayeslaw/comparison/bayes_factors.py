"""Bayes factors between the laws of a comparison, and their sensitivity to prior widths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.comparison.candidates import model_of
from bayeslaw.comparison.evidence import Evidence, evidence
from bayeslaw.core.errors import RequestError
from bayeslaw.core.notes import Note, labelled
from bayeslaw.formula import parse_expression
from bayeslaw.inference.fit import fit
from bayeslaw.law import Law
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd

#: Factors on every prior's spread, for the sensitivity of Bayes factors.
SPREADS = (0.5, 2.0)


def bayes_factors(
    fits: Mapping[str, Posterior], seed: int = 0, progress: bool | None = None
) -> tuple[pd.DataFrame, list[Note]]:
    """Columns of evidence by law, and notes."""
    import pandas as pd

    stated = {label: evidence(posterior, seed=seed) for label, posterior in fits.items()}
    best = _best(stated)
    notes: list[Note] = []
    for label, each in stated.items():
        notes += labelled((note for note in each.notes if note not in fits[label].notes), label)
    across = [label for label in fits if label != best and not _share_priors(fits, best, label)]
    respreads = {
        times: {
            label: evidence(_respread_fit(fits[label], times, progress), seed=seed)
            for label in (best, *across)
        }
        for times in (SPREADS if across else ())
    }
    rows = {label: (each.log_evidence, each.mcse) for label, each in stated.items()}
    names = ["log_evidence", "evidence_error"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=names)
    error = np.hypot(frame["evidence_error"], stated[best].mcse)
    frame["log_bayes_factor"] = frame["log_evidence"] - stated[best].log_evidence
    frame["bayes_factor_error"] = error.where(frame.index != best, 0.0)
    every = (stated, *respreads.values())
    ranges = {label: [_factor(each, best, label) for each in every] for label in across}
    frame["bayes_factor_low"] = pd.Series({k: min(v) for k, v in ranges.items()}, dtype=float)
    frame["bayes_factor_high"] = pd.Series({k: max(v) for k, v in ranges.items()}, dtype=float)
    return frame, [*notes, *_respread_notes(best, respreads)]


def is_nested(full: Law, part: Law) -> bool:
    """Whether one law is another under constraints, all other priors the same."""
    made = part.card.get("constraints", [])
    for first in range(len(made)):
        constraints = made[first:]
        sides = [side.strip() for text in constraints for side in text.split("=")]
        if not set().union(*(parse_expression(s).names for s in sides)) <= set(full.parameters):
            continue
        try:
            again = full.constrain(*constraints)
        except RequestError:
            # These constraints do not apply to this law.
            continue
        if model_of(again) == model_of(part):
            return True
    return False


def move_priors(law: Law, *, times: float = 1.0, shift: float = 0.0) -> Law:
    """A law with all its priors wider or narrower, or their medians moved up by their spreads."""
    priors: dict[str, dict[str, Any]] = {}
    for name, entry in law.parameters.items():
        prior = entry.prior
        if prior.family == "lognormal":
            median, factor = prior.location * prior.spread**shift, prior.spread**times
            moved = {"median": median, "factor": factor, "low": prior.low}
        else:
            moved = {"mean": prior.location + prior.spread * shift, "sd": prior.spread * times}
        priors[name] = {"family": prior.family, **moved}
    return law.with_priors(**priors)


def _share_priors(fits: Mapping[str, Posterior], one: str, other: str) -> bool:
    """Whether one law is nested in the other, or both in a third law."""
    pair = fits[one].law, fits[other].law
    laws = [posterior.law for posterior in fits.values()]
    return any(all(law is each or is_nested(law, each) for each in pair) for law in laws)


def _respread_fit(posterior: Posterior, times: float, progress: bool | None) -> Posterior:
    names = ("noise", "seed", "chains", "draws", "warmup")
    how: dict[str, Any] = {name: getattr(posterior.info.settings, name) for name in names}
    law, reference = move_priors(posterior.law, times=times), posterior.reference
    return fit(posterior.runs, law, reference=reference, progress=progress, **how)


def _best(evidences: Mapping[str, Evidence]) -> str:
    return max(evidences, key=lambda label: evidences[label].log_evidence)


def _factor(evidences: Mapping[str, Evidence], best: str, label: str) -> float:
    return evidences[label].log_evidence - evidences[best].log_evidence


def _respread_notes(best: str, respreads: Mapping[float, Mapping[str, Evidence]]) -> Iterator[Note]:
    changes = []
    for times, evidences in respreads.items():
        for label, each in evidences.items():
            # What warns of the fit at any width of the priors is noted already.
            own = [n for n in each.notes if n.severity == "error" or n.code.startswith("evidence")]
            if own:
                reasons = "; ".join(note.message for note in own)
                message = f"{label} with priors {times:g} times as wide: {reasons}"
                remedy = "Treat the range of its Bayes factor as rough"
                yield Note("evidence_range_rough", "warning", message, remedy)
        first = _best(evidences)
        if first != best:
            lead = -_factor(evidences, first, best)
            changes.append(f"{first} by {lead:.3g} with priors {times:g} times as wide")
    if changes:
        message = (
            f"by evidence {best} is best, but {' and '.join(changes)}: the order depends on the "
            "widths of the priors"
        )
        remedy = "Compare by ELPD, or state informative priors"
        yield Note("evidence_depends_on_priors", "warning", message, remedy)
