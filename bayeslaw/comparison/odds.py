"""Bayes factors between the laws of a comparison, and how far they hang on how wide priors are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayeslaw.comparison.entrants import statistics
from bayeslaw.comparison.evidence import Evidence, evidence
from bayeslaw.core.errors import RequestError
from bayeslaw.core.notes import Note
from bayeslaw.formula import parse_expression
from bayeslaw.inference.fit import fit
from bayeslaw.law import Law
from bayeslaw.posterior.posterior import Posterior

#: What every prior's spread is multiplied by to see how far a Bayes factor hangs on it.
SPREADS = (0.5, 2.0)


def odds(
    fits: Mapping[str, Posterior], *, seed: int = 0, progress: bool | None = None
) -> tuple[dict[str, dict[str, float]], list[Note]]:
    """Compare laws by evidence."""
    weighed = {label: evidence(one, seed=seed) for label, one in fits.items()}
    best = max(weighed, key=lambda label: weighed[label].log_evidence)
    notes = _remarks(weighed, fits)
    across = [label for label in fits if label != best and not _share(fits, best, label)]
    other: dict[float, dict[str, Evidence]] = {}
    for times in SPREADS if across else ():
        again = {label: _refitted(fits[label], times, progress) for label in (best, *across)}
        other[times] = {label: evidence(one, seed=seed) for label, one in again.items()}
        notes += _doubts(times, again, other[times])
    columns: dict[str, dict[str, float]] = {
        "log_evidence": {label: one.log_evidence for label, one in weighed.items()},
        "evidence_error": {label: one.error for label, one in weighed.items()},
        "log_bayes_factor": {label: _factor(weighed, best, label) for label in fits},
        "bayes_factor_error": {
            label: 0.0 if label == best else float(np.hypot(one.error, weighed[best].error))
            for label, one in weighed.items()
        },
        "bayes_factor_low": dict.fromkeys(fits, float("nan")),
        "bayes_factor_high": dict.fromkeys(fits, float("nan")),
    }
    for label in across:
        factors = [_factor(each, best, label) for each in (weighed, *other.values())]
        columns["bayes_factor_low"][label] = min(factors)
        columns["bayes_factor_high"][label] = max(factors)
    return columns, [*notes, *_winners(best, other)]


def nested(full: Law, part: Law) -> bool:
    """Whether one law is another under constraints, all other priors the same."""
    made = part.card.get("constraints", [])
    for first in range(len(made)):
        left = made[first:]
        names = set().union(
            *(parse_expression(side.strip()).names for text in left for side in text.split("="))
        )
        if not names <= set(full.parameters):
            continue
        try:
            again = full.constrain(*left)
        except RequestError:
            # A law that these constraints cannot be put on is not the one that they were put on.
            continue
        if statistics(again) == statistics(part):
            return True
    return False


def respread(law: Law, times: float) -> Law:
    """A law with all its priors wider or narrower about their medians."""
    priors: dict[str, dict[str, Any]] = {}
    for name, entry in law.parameters.items():
        prior = entry.prior
        if prior.family == "lognormal":
            spread = {"median": prior.location, "factor": prior.spread**times, "low": prior.low}
        else:
            spread = {"mean": prior.location, "sd": prior.spread * times}
        priors[name] = {"family": prior.family, **spread}
    return law.with_priors(**priors)


def _share(fits: Mapping[str, Posterior], one: str, other: str) -> bool:
    """Whether one law is nested in the other, or both in a third that is there."""
    first, second = fits[one].law, fits[other].law
    if nested(first, second) or nested(second, first):
        return True
    laws = (fit.law for fit in fits.values())
    return any(nested(law, first) and nested(law, second) for law in laws)


def _refitted(posterior: Posterior, times: float, progress: bool | None) -> Posterior:
    settings = posterior.info.settings
    return fit(
        posterior.runs,
        respread(posterior.law, times),
        noise=posterior.noise.name,
        reference=posterior.reference,
        seed=settings.seed,
        chains=settings.chains,
        draws=settings.draws,
        warmup=settings.warmup,
        progress=progress,
    )


def _factor(weighed: Mapping[str, Evidence], best: str, label: str) -> float:
    return weighed[label].log_evidence - weighed[best].log_evidence


def _remarks(weighed: Mapping[str, Evidence], fits: Mapping[str, Posterior]) -> list[Note]:
    """What evidences have to say beyond what the fits have said already."""
    return [
        Note(note.code, note.severity, f"{label}: {note.message}", note.remedy)
        for label, one in weighed.items()
        for note in one.notes
        if note not in fits[label].notes
    ]


def _doubts(
    times: float, again: Mapping[str, Posterior], weighed: Mapping[str, Evidence]
) -> list[Note]:
    found = []
    for label, one in weighed.items():
        if one.notes:
            said = "; ".join(note.message for note in one.notes)
            found.append(
                Note(
                    "evidence_range_rough",
                    "warning",
                    f"{label} with priors {times:g} times as wide: {said}",
                    "Take the range of its Bayes factor as rough",
                )
            )
    return found


def _winners(best: str, other: Mapping[float, Mapping[str, Evidence]]) -> list[Note]:
    changed = []
    for times, weighed in other.items():
        first = max(weighed, key=lambda label: weighed[label].log_evidence)
        if first != best:
            lead = -_factor(weighed, first, best)
            changed.append(f"{first} by {lead:.3g} with priors {times:g} times as wide")
    if not changed:
        return []
    return [
        Note(
            "evidence_hangs_on_priors",
            "warning",
            f"by evidence {best} is best, but {' and '.join(changed)}: how wide the priors are "
            "decides, not the runs",
            "Compare by what was left out (elpd), or state priors that you mean",
        )
    ]
