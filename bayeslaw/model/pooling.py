"""Coefficients that vary from group to group around a common value, partially pooled.

Several sweeps, tokenisers or model families share most of a law: its floor differs with the data,
its exponents hardly. A pooled coefficient has a value of its own in every group, drawn around the
common one, and how far groups differ is fitted too (Gelman and Hill 2007): many groups that agree
pull a lonely one towards them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.errors import RequestError, nearest
from bayeslaw.law.priors import Prior

if TYPE_CHECKING:
    from bayeslaw.law import Form, Law
    from bayeslaw.runs import Runs

# How far groups differ: a tenth, in the logarithm of what a lognormal prior is stated on, or in
# standard deviations of a normal one.
_SPREAD = Prior("lognormal", 0.1, 3.0)
_UNIT = Prior("normal", 0.0, 1.0)

#: Parameters that vary by group: names, with the only column that groups runs, or a column each.
Asked = Sequence[str] | Mapping[str, str]


@dataclass(frozen=True)
class Pool:
    """A coefficient that varies by group; hashable.

    Attributes
    ----------
    parameter : str
        Which.
    column : str
        The column that says what runs belong together.
    groups : tuple of str
        Its values, in the order of their first runs.
    """

    parameter: str
    column: str
    groups: tuple[str, ...]

    @property
    def scale(self) -> str:
        """Name of how far groups differ."""
        return f"pool_scale_{self.parameter}"

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of how far each group lies from the common value, in units of that."""
        return tuple(f"pool_{self.parameter}_{place}" for place in range(len(self.groups)))

    @property
    def priors(self) -> dict[str, Prior]:
        """The spread's, and a unit normal for each group."""
        return {self.scale: _SPREAD, **dict.fromkeys(self.sites, _UNIT)}

    def numbers(self, labels: Any) -> np.ndarray:
        """Places of groups."""
        known = {label: place for place, label in enumerate(self.groups)}
        return np.array([known.get(str(label), -1) for label in np.asarray(labels)])

    def move(
        self,
        on: Any,
        prior: Any,
        family: str,
        values: Mapping[str, Any],
        place: Any,
        xp: ModuleType,
    ) -> Any:
        """What a group's prior is stated on, from the common value."""
        away = values[self.scale] * xp.stack([values[site] for site in self.sites])[place]
        if family == "lognormal":
            return prior[2] + (on - prior[2]) * xp.exp(away)
        return on + prior[1] * away


def pooled(asked: Asked, law: Law, runs: Runs, *, place: str = "fit") -> tuple[Pool, ...]:
    """What was asked for, for a law and its table."""
    if isinstance(asked, str):
        asked = (asked,)
    if not isinstance(asked, Mapping):
        names = list(asked)
        if names and len(runs.groups) != 1:
            there = ", ".join(runs.groups) or "none"
            raise RequestError(
                f"{', '.join(names)} shall vary by group, and the columns that group runs are "
                f"{there}",
                place=f"{place}, pool",
                remedy='Name one in read_runs(group=...), or say which: pool={"E": "family"}',
            )
        asked = {name: runs.groups[0] for name in names}
    found = []
    for name, column in asked.items():
        if name not in law.parameters:
            raise RequestError(
                f"{law.name} has no parameter {name!r}",
                place=f"{place}, pool",
                remedy=nearest(name, law.parameters),
            )
        found.append(Pool(name, column, groups(column, runs, place=f"{place}, pool")))
    return tuple(found)


def groups(column: str, runs: Runs, *, place: str) -> tuple[str, ...]:
    """The groups of a column, checked."""
    if column not in runs.table.columns:
        raise RequestError(
            f"the table has no column {column!r}",
            place=place,
            remedy=nearest(column, [str(name) for name in runs.table.columns]),
        )
    if column not in runs.groups:
        raise RequestError(
            f"{column!r} is no column that groups runs",
            place=place,
            remedy=f'Say so when reading: read_runs(..., group="{column}")',
        )
    found = tuple(dict.fromkeys(str(label) for label in runs.labels(column)))
    if len(found) == 1:
        raise RequestError(
            f"all {len(runs)} runs are of one {column}: it has nothing to differ from",
            place=place,
            remedy="Leave it out",
        )
    if len(found) == len(runs):
        raise RequestError(
            f"each of the {len(runs)} runs has a {column} of its own: what a group shares cannot "
            "be told from noise",
            place=place,
            remedy="Name a column with several runs a group, or leave it out",
        )
    return found


def by_group(
    pool: tuple[Pool, ...],
    form: Form,
    families: Mapping[str, str],
    priors: Mapping[str, Any],
    values: Mapping[str, Any],
    places: Mapping[str, Any],
    at: Mapping[str, Any],
    scale: Any,
    xp: ModuleType,
) -> dict[str, Any]:
    """How raw coefficients of groups differ from the common ones."""
    on = {name: values[name] for name in form.parameters if name in values}
    moved = dict(on)
    for one in pool:
        name = one.parameter
        moved[name] = one.move(on[name], priors[name], families[name], values, places[name], xp)
    common, own = form.to_raw(on, at, scale, xp), form.to_raw(moved, at, scale, xp)
    return {name: own[name] - common[name] for name in common}
