"""Notes on a speedup: its fits, its floor, and the places where it is stated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.notes import Note, cautions
from bayeslaw.law import Law
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs.geometry import NEARBY

if TYPE_CHECKING:
    import pandas as pd

# A change is stated where this share of draws agrees on its direction.
_AGREE = 0.945


def fit_notes(
    posteriors: Sequence[Posterior], names: tuple[str, str], shared: bool
) -> Iterator[Note]:
    """Errors and warnings of the fits."""
    for name, posterior in list(zip(names, posteriors, strict=True))[: 1 if shared else 2]:
        for note in cautions(posterior.notes):
            yield note if shared else replace(note, message=f"{name}: {note.message}")


def floor_notes(law: Law, shared: bool) -> Iterator[Note]:
    """Whether the floor is fixed, and whether it is shared."""
    fixed = [text for text in law.card.get("constraints", ()) if "=" in text]
    if law.form.floor is None and fixed:
        message = f"{', '.join(fixed)}: fixed, not fitted; the interval excludes the error of that"
        remedy = "Repeat it with the floor free, and with other floors that are as likely"
        yield Note("floor_pinned", "warning", message, remedy)
    elif law.form.floor is None:
        message = f"{law.name} has no floor: speedups far beyond the runs depend on that"
        yield Note("no_floor", "info", message, "Repeat it with a law that has one")
    if shared:
        message = (
            "floor and exponents are shared, so that the speedup is the same at every scale by "
            "assumption"
        )
        remedy = "Fit the recipes apart to see it change: shared=False, --no-shared"
        yield Note("speedup_shared", "info", message, remedy)


def place_notes(
    frame: pd.DataFrame, draws: np.ndarray, names: tuple[str, str], over: str, shared: bool
) -> Iterator[Note]:
    """What limits single places, and whether they differ."""
    undefined = np.isnan(draws).mean(axis=0)
    for row, lost in zip(frame.to_dict("records"), undefined, strict=True):
        where = f"{over} = {row[over]:.3g}"
        if row["reached"] < 1:
            share = 100 * (1 - row["reached"])
            message = (
                f"{where}: in {share:.2g}% of draws {names[1]} never reaches the loss of "
                f"{names[0]}, which is below its floor; the speedup is infinite there"
            )
            remedy = "Share the floor (shared=True), or ask at a smaller scale"
            yield Note("never_reached", "warning", message, remedy, about=where)
        if lost:
            message = f"{where}: neither reaches the loss in {100 * lost:.2g}% of draws, left out"
            yield Note("loss_below_floors", "warning", message, "Ask for a higher loss", where)
        factor = row["extrapolation_factor"]
        if factor > NEARBY and not shared:
            message = f"{where} is {factor:.3g} times beyond the runs: valid only if the laws are"
            yield Note("extrapolation", "warning", message, "Ask at the scale of the runs", where)
    if not shared and len(frame) > 1:
        with np.errstate(all="ignore"):
            change = draws[:, -1] / draws[:, 0]
        change = change[~np.isnan(change)]
        if change.size and not 1 - _AGREE < np.mean(change > 1) < _AGREE:
            grows = "grows" if np.mean(change > 1) > 0.5 else "falls"
            message = f"the speedup {grows} with {over}: one number does not describe it"
            yield Note("speedup_varies", "info", message, "State the scale with it")
