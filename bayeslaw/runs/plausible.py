"""Columns as wholes: whether they can be what they are taken for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bayeslaw.core.errors import TableError
from bayeslaw.core.notes import Note
from bayeslaw.runs.draft import Draft
from bayeslaw.runs.options import Options
from bayeslaw.runs.suggestions import of_experts

# Losses of language models in nats: typical ones, and that of guessing among 270,000 tokens.
_TYPICAL, LARGEST_LOSS = 5.0, 12.5
#: The smallest loss that a table is expected to hold, in nats.
SMALLEST_LOSS = 0.01
_FEWEST = 8
# Of log loss: what rounding may add to usual noise of .001 to .003, and what makes it useless.
_ROUGH, _USELESS = 0.005, 0.03
# Rank correlation of loss and compute above which a loss rises, and least range of compute.
_RISES, _RANGE = 0.5, 3.0
# FLOPs per parameter and token that conventions of counting give, and by how much one row differs.
_FLOPS, _OFF = (1.0, 60.0), 3.0
# A count of experts is whole to within rounding of a share.
_WHOLE = 0.02


def check_loss_unit(draft: Draft, options: Options) -> None:
    """Refuse losses that cannot be in nats, unless their unit is declared."""
    if "loss" not in draft.variables or options.loss_unit is not None:
        return
    loss = draft.variables["loss"]
    values = loss.values[np.isfinite(loss.values)]
    if len(values) < 2 or not (middle := float(np.median(values))) > _TYPICAL:
        return
    raise TableError(
        f"{loss.described}: half of the losses are above {middle:.3g}, and language models have 1 "
        f"to {_TYPICAL:g} nats per token",
        place=draft.source.name,
        remedy='State the unit: loss_unit="ppl" (--loss-unit ppl) for perplexities, "bits", or '
        '"nats" if they are; a percentage or another score is no loss',
    )


def plausibility_notes(draft: Draft, options: Options) -> Iterator[Note]:
    """Notes on columns that are taken as they are."""
    if "loss" in draft.variables:
        if options.loss_unit is None:
            yield from _small(draft)
        yield from _rounded(draft)
        yield from _rising(draft)
        yield from _unread_experts(draft)
    yield from _contradicting(draft)
    yield from _fractional_experts(draft)


def _small(draft: Draft) -> Iterator[Note]:
    loss = draft.variables["loss"].values
    if len(loss) >= _FEWEST and float(np.median(loss)) < 1.0:
        message = (
            f"half of the losses are below {np.median(loss):.3g}; language models have 1 to "
            f"{_TYPICAL:g} nats per token, and fewer bits per byte"
        )
        remedy = 'State the unit, such as loss_unit="bits per byte"; an accuracy is no loss'
        yield Note("small_losses", "info", message, remedy)


def _rounded(draft: Draft) -> Iterator[Note]:
    loss = draft.variables["loss"].values
    middle = float(np.median(loss))
    # Planned runs have one loss for all.
    if len(loss) < _FEWEST or np.ptp(loss) == 0:
        return
    for digits in (0, 1, 2):
        error = 0.1**digits / np.sqrt(12) / middle
        if error > _ROUGH and np.array_equal(np.round(loss, digits), loss):
            message = (
                f"losses have {digits or 'no'} digits behind the point: rounding moves them by "
                f"{100 * error:.2g}%, where runs scatter by .1 to .3%"
            )
            remedy = "Give losses as they were logged, with four digits or more"
            yield Note(
                "rounded_losses", "error" if error > _USELESS else "warning", message, remedy
            )
            return


def _unread_experts(draft: Draft) -> Iterator[Note]:
    """Columns that describe experts, in a table of which dense laws alone can be fitted."""
    sizes = {"N", "D"} & draft.variables.keys()
    if not sizes or set(draft.variables) - {"N", "D", "C", "loss", "loss_se"}:
        return
    read = {column for mapped in draft.variables.values() for column in mapped.reads}
    if of_experts(draft.source.table.drop(columns=[*read])):
        yield Note(
            "experts_unread",
            "warning",
            "the table's columns of experts are no variables: only laws of dense models can read "
            "what is mapped",
            'Map N_a, G and S by columns or expressions: columns={"G": "top_k + n_shared", "S": '
            '"n_shared / G"}; or derive them by architecture=... (--column, --architecture)',
        )


def _rising(draft: Draft) -> Iterator[Note]:
    """A loss that rises with compute is more likely an accuracy."""
    found = draft.variables
    size = found.get("N_a", found.get("N"))
    if "C" in found:
        compute = np.log(found["C"].values)
    elif size is not None and "D" in found:
        compute = np.log(size.values) + np.log(found["D"].values)
    else:
        return
    if len(draft) < _FEWEST or np.ptp(compute) < np.log(_RANGE):
        return
    ranks = [pd.Series(values).rank() for values in (compute, found["loss"].values)]
    if np.ptp(ranks[1]) > 0 and (together := float(np.corrcoef(ranks)[0, 1])) > _RISES:
        message = (
            f"the loss rises with compute (rank correlation {together:.2f}): it is no loss, or "
            "rows are mixed up"
        )
        remedy = "Map the loss; an accuracy is predicted by a law of its own, such as power_law"
        yield Note("rising_loss", "error", message, remedy)


def _contradicting(draft: Draft) -> Iterator[Note]:
    """Rows whose FLOPs are not those of their parameters and tokens."""
    found = draft.variables
    size = found.get("N_a", found.get("N"))
    if size is None or not {"C", "D"} <= found.keys():
        return
    each = found["C"].values / size.values / found["D"].values
    middle = float(np.median(each))
    remedy = "Check units and columns of C, D and the parameters"
    if not _FLOPS[0] <= middle <= _FLOPS[1]:
        message = f"C is {middle:.3g} FLOPs per parameter of {size.name} and token; six are usual"
        yield Note("flops_scale", "warning", message, remedy)
    off = np.flatnonzero(np.abs(np.log(each / middle)) > np.log(_OFF))
    if len(off) and len(off) <= len(draft) / 5:
        row = int(off[0])
        message = (
            f"C, D and {size.name} contradict each other in {draft.source.rows(off)}: "
            f"{each[row]:.3g} FLOPs per parameter and token in the first of them, {middle:.3g} in "
            "the other rows"
        )
        yield Note("flops_contradict", "warning", message, remedy)


def _fractional_experts(draft: Draft) -> Iterator[Note]:
    """Whole numbers of shared and routed experts, which shares of width need not give."""
    if not {"G", "S"} <= draft.variables.keys():
        return
    active, share = draft.variables["G"].values, draft.variables["S"].values
    shared = active * share
    part = np.abs(shared - np.round(shared)) > _WHOLE + 0.005 * active
    part |= np.abs(active - np.round(active)) > _WHOLE
    part |= (share > 0) & (active * (1 - share) < 1 - _WHOLE - 0.005 * active)
    rows = np.flatnonzero(part)
    if not len(rows):
        return
    row = int(rows[0])
    few = len(rows) <= len(draft) / 10
    message = (
        f"no whole numbers of shared and routed experts give G = {active[row]:.4g} and S = "
        f"{share[row]:.4g} ({draft.source.rows(rows)}): G and S are taken as shares of width"
    )
    remedy = "Correct these rows, or count by width in all rows" if few else ""
    yield Note("experts_by_width", "warning" if few else "info", message, remedy)
