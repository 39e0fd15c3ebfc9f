"""The scale of values: units that were not declared, and rounding at the edge of a domain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayeslaw.core.errors import TableError
from bayeslaw.core.vocabulary import variable
from bayeslaw.runs.mapping import Draft

_ROUNDING = 1e-6


def check_units(draft: Draft) -> None:
    """Refuse counts that look like thousands, millions or billions without a declared unit."""
    for name, mapped in draft.variables.items():
        low = variable(name).smallest_plausible
        small = (mapped.values > 0) & (mapped.values < low)
        if mapped.unit is not None or not small.any():
            continue
        row = int(np.flatnonzero(small)[0])
        # A column whose typical value is in the thousands is in millions rather than billions.
        factor = "1e6" if np.median(mapped.values[small]) >= 1e3 else "1e9"
        scale = "millions" if factor == "1e6" else "billions"
        more = int(small.sum()) - 1
        raise TableError(
            f"{name} = {mapped.values[row]:.12g} is too small for a count of "
            f"{variable(name).unit}{and_more(more)}",
            place=draft.source.place(row, mapped.described),
            remedy=f'If the column is in {scale}, declare it: units={{"{name}": {factor}}} in '
            f"Python, --unit {name}={factor} on the command line; if the counts are right, declare "
            f"a unit of 1",
        )


def snap(draft: Draft) -> Draft:
    """Put values that rounding moved off an included bound back onto it.

    A derived G of 0.9999999998 means 1: the columns it was derived from were rounded when they were
    written. Derived values are moved from both sides, published ones only from outside.
    """
    moved = {}
    for name, mapped in draft.variables.items():
        entry, values = variable(name), mapped.values
        for bound, included, side in (
            (entry.low, entry.low_included, -1.0),
            (entry.high, entry.high_included, 1.0),
        ):
            if included and np.isfinite(bound):
                near = np.abs(values - bound) <= _ROUNDING * max(1.0, abs(bound))
                beyond = side * (values - bound) > 0
                values = np.where(near & (beyond | mapped.derived), bound, values)
        moved[name] = replace(mapped, values=values)
    return replace(draft, variables=moved)


def and_more(count: int) -> str:
    """Say how many more rows have the same trouble."""
    return f" (and {count} more such {'row' if count == 1 else 'rows'})" if count else ""
