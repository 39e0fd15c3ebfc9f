"""``buildable``: whole-number configurations of a family near a target."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.architecture.build_search import Search
from bayeslaw.architecture.count import count, known_convention
from bayeslaw.architecture.families import FAMILIES
from bayeslaw.architecture.fields import FIELDS, SWITCHES, Family
from bayeslaw.architecture.lookup import family_of
from bayeslaw.core.calls import public
from bayeslaw.core.display import Displayed
from bayeslaw.core.errors import RequestError, check_names, whole
from bayeslaw.core.notes import Note
from bayeslaw.core.quantities import count as written, quantity

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Buildable(Displayed):
    """Configurations near a target, ready as candidates for ``decide``.

    Attributes
    ----------
    family : str
        The family.
    target : dict of str to float
        What was asked.
    embeddings : str
        Which parameters N and N_a count: "included", "output_only" or "excluded".
    frame : pandas.DataFrame
        A row a configuration, its label the index: the variables N, N_a, G, K, S, E, activation,
        granularity and sparsity, then its fields under canonical names. Rows of one pair of
        routed and shared experts and one N_a stand together, the one nearest to the family's
        proportions first.
    notes : tuple of Note
        What could not be met.
    """

    family: str
    target: dict[str, float]
    embeddings: str
    frame: pd.DataFrame = field(repr=False)
    notes: tuple[Note, ...] = ()

    def config(self, label: Hashable | None = None) -> dict[str, Any]:
        """The config.json of one configuration.

        Parameters
        ----------
        label : hashable, optional
            Its label in the frame, such as ``decision.best``; the first.

        Returns
        -------
        dict
            Fields under the family's own keys; options of training and generation are not set.

        Raises
        ------
        RequestError
            If there is no such row.
        """
        label = self.frame.index[0] if label is None else label
        if label not in self.frame.index:
            raise RequestError(
                f"there is no configuration {label!r}",
                place="config",
                remedy=f"Give a label of the frame, such as {self.frame.index[0]!r}",
            )
        row = self.frame.loc[label]
        family = family_of(self.family, place="config")
        return _config(family, {name: float(row[name]) for name in FIELDS if name in row})

    @property
    def summary(self) -> str:
        """How many there are, and the first of them."""
        first = self.frame.iloc[0]
        asked = ", ".join(
            f"{name} = {written(value, 4) if name in ('N', 'N_a') else f'{value:g}'}"
            for name, value in self.target.items()
        )
        return (
            f"{len(self.frame)} configurations of {self.family} near {asked}. The first is "
            f"{self.frame.index[0]}: N = {written(first['N'], 4)}, "
            f"N_a = {written(first['N_a'], 4)}, G = {first['G']:g}, S = {first['S']:.3g}, "
            f"E = {first['E']:g}."
        )

    def counted(self, embeddings: str) -> Buildable:
        """The same configurations with N and N_a under another convention.

        Parameters
        ----------
        embeddings : {"included", "output_only", "excluded"}
            Which parameters are counted.

        Returns
        -------
        Buildable
            Other variables, fields and labels stay.
        """
        known_convention(embeddings, place="counted")
        shape = {name: self.frame[name].to_numpy() for name in FIELDS if name in self.frame}
        N, N_a = count(shape).parameters(embeddings)
        return replace(self, embeddings=embeddings, frame=self.frame.assign(N=N, N_a=N_a))

    def to_frame(self) -> pd.DataFrame:
        """The configurations.

        Returns
        -------
        pandas.DataFrame
            A row a configuration.
        """
        return self.frame

    def to_dict(self) -> dict[str, Any]:
        """The configurations as plain data.

        Returns
        -------
        dict
            All fields, the frame as a list of rows with their ``label``.
        """
        rows = zip(self.frame.index, self.frame.to_dict("records"), strict=True)
        return {
            "family": self.family,
            "target": self.target,
            "embeddings": self.embeddings,
            "configurations": [{"label": label, **row} for label, row in rows],
            "notes": [note.to_dict() for note in self.notes],
        }


@public
def buildable(
    family: str,
    *,
    N: float | str,
    N_a: float | str | None = None,
    G: float | None = None,
    S: float | None = None,
    K: int | None = None,
    E: int | None = None,
    granularity: float | None = None,
    fixed: Mapping[str, float] | None = None,
    embeddings: str = "included",
    expert_parallel: int = 8,
    expert_width_multiple: int = 128,
    tolerance: float = 0.03,
    alternatives: int = 3,
) -> Buildable:
    """Find configurations of a family that can be built near a target.

    Layers, width, heads and experts are in about the proportions of a released model of the
    family; N and N_a are counted as ``architecture`` counts.

    Parameters
    ----------
    family : str
        A ``model_type`` with experts.
    N : float or str
        Total parameters, such as 30e9 or "30B".
    N_a : float or str, optional
        Active parameters; without them a range of shares of N is tried.
    G, S : float, optional
        Active experts and the share of shared ones; the nearest pairs of whole numbers are tried,
        a range of pairs without them.
    K, E : int, optional
        Routed experts active per token, and their number, kept exactly.
    granularity : float, optional
        4 hidden_size over the width of an expert, met as far as N and N_a allow; without it experts
        have the released model's proportion.
    fixed : mapping of str to float, optional
        Canonical fields: ``{"vocab_size": 100352, "num_hidden_layers": 48}``.
    embeddings : {"included", "output_only", "excluded"}
        Which parameters N and N_a count, the law's convention.
    expert_parallel : int
        Devices that share the experts of a layer; it divides E.
    expert_width_multiple : int
        What divides the width of an expert: 64 or 128.
    tolerance : float
        Relative difference from N and N_a that is allowed.
    alternatives : int
        Configurations of different layers or widths for each N_a and pair of experts.

    Returns
    -------
    Buildable
        The configurations.

    Raises
    ------
    RequestError
        If the family has no experts, the target is impossible, or nothing near it can be built.
    """
    kind = family_of(family, place="buildable")
    if not kind.released:
        raise RequestError(
            f"configurations of {family} cannot be built",
            place="buildable",
            remedy="Name one of " + ", ".join(one.name for one in FAMILIES if one.released),
        )
    target = _target(N=N, N_a=N_a, G=G, S=S, K=K, E=E, granularity=granularity)
    search = Search(
        family=kind,
        target=target,
        fixed=_fixed(kind, fixed or {}),
        embeddings=embeddings,
        expert_parallel=expert_parallel,
        expert_width_multiple=expert_width_multiple,
        tolerance=tolerance,
        alternatives=alternatives,
    )
    frame = _labelled(search)
    return Buildable(kind.name, target, embeddings, frame, _notes(target, frame))


def _labelled(search: Search) -> pd.DataFrame:
    """All configurations of a search, each under its layers, width and experts."""
    import pandas as pd

    found = [pd.DataFrame(rows) for rows in search.found()]
    if not found:
        raise RequestError(
            f"no {search.family.name} within {100 * search.tolerance:g}% of "
            + ", ".join(f"{name} = {value:.4g}" for name, value in search.target.items()),
            place="buildable",
            remedy="Give fewer targets, a larger tolerance, a smaller expert_parallel or "
            "expert_width_multiple, or a smaller vocabulary: fixed={'vocab_size': ...}",
        )
    frame = pd.concat(found, ignore_index=True)
    frame = frame.drop_duplicates(ignore_index=True)
    labels = [
        f"{row.num_hidden_layers:g}x{row.hidden_size:g} "
        f"{row.K:g}+{row.G - row.K:g}/{row.E:g}x{row.moe_intermediate_size:g}"
        for row in frame.itertuples()
    ]
    return frame.set_axis(pd.Index(labels, name="configuration"))


def _config(family: Family, shape: Mapping[str, float]) -> dict[str, Any]:
    """Canonical fields under a family's own keys, where it has one."""
    config: dict[str, Any] = {"model_type": family.name}
    inner: dict[str, Any] = {}
    for name, keys in family.keys.items():
        if not keys or name not in shape:
            continue
        value: Any = bool(shape[name]) if name in SWITCHES else int(shape[name])
        if name in family.only_if:
            if value <= 1:
                continue
            inner[family.only_if[name]] = True
        *path, last = keys[0].split(".")
        holder = inner
        for step in path:
            holder = holder.setdefault(step, {})
        holder.setdefault(last, value)
    if family.root:
        inner = {family.root: {"model_type": family.model_types[-1], **inner}}
    return {**config, **inner}


def _fixed(family: Family, fixed: Mapping[str, float]) -> dict[str, float]:
    """Fields that the caller gives, other than those that the search finds."""
    allowed = [
        name for name in family.keys if "expert" not in name and name != "moe_intermediate_size"
    ]
    place = "buildable, fixed"
    check_names(fixed, allowed, f"{{!r}} cannot be fixed for {family.name}", place=place)
    return {name: float(whole(value, name, place=place)) for name, value in fixed.items()}


def _target(**given: float | str | None) -> dict[str, float]:
    """The variables that are asked for, if any model can have them."""
    target = {
        name: quantity(value, name, place="buildable")
        for name, value in given.items()
        if value is not None
    }
    least = {"N": 1e6, "N_a": 1e5, "G": 1.0, "S": 0.0, "K": 1.0, "E": 1.0, "granularity": 1e-3}
    for name, value in target.items():
        whole_number = name not in ("K", "E") or value.is_integer()
        legal = np.isfinite(value) and value >= least[name] and (name != "S" or value < 1)
        if not (legal and whole_number):
            raise RequestError(f"{name} = {value:g} cannot be built", place="buildable")
    for small, large in (("N_a", "N"), ("K", "E"), ("K", "G")):
        if small in target and large in target and target[small] > target[large]:
            raise RequestError(
                f"{small} = {target[small]:g} exceeds {large} = {target[large]:g}",
                place="buildable",
            )
    return target


def _notes(target: Mapping[str, float], frame: pd.DataFrame) -> tuple[Note, ...]:
    """Targets that no configuration meets closely."""
    notes = []
    for name in ("G", "S", "granularity"):
        if name not in target:
            continue
        nearest_value = float(frame[name].iloc[(frame[name] - target[name]).abs().argmin()])
        off = abs(nearest_value - target[name])
        if off > 0.05 * max(target[name], 0.2):
            message = f"{name} = {target[name]:.4g} is not met: the nearest is {nearest_value:.4g}"
            notes.append(Note("target_missed", "info", message))
    return tuple(notes)
