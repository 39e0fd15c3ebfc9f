"""What the sources of a pooled table have of their own, and what they share."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.formula.trees import names_in
from bayeslaw.law import Law, Prior
from bayeslaw.law.form import SCALE
from bayeslaw.model.noise import Noise
from bayeslaw.model.pooling import Pool
from bayeslaw.runs import Runs
from bayeslaw.runs.pooled import SET, SOURCE, sets, sources

# How far sources differ, in the logarithm: floors by tokeniser and data, amplitudes by how
# parameters are counted too, exponents by a few percent, noise by tuning and evaluation.
_FLOOR = Prior("lognormal", 0.15, 2.0)
_OWN = Prior("lognormal", 0.4, 2.0)
# At least a percent: with less, a source cannot leave the others, nor can a chain. Wide above:
# of four normal sources that differ by 15%, 89% intervals hold the common value .83 times (a factor
# of 2.5 about 4% gave .78), and public sweeps differ in beta by a third.
_PARTIAL = Prior("lognormal", 0.05, 4.0, low=0.01)
_NOISE = Prior("lognormal", 0.6, 2.0)


@dataclass(frozen=True)
class BySource:
    """Which coefficients sources have of their own, share in part, or share.

    Whatever is in neither list is the same in all sources. Both lists are drawn around a common
    value, and how far sources differ is learned; they differ in what is expected of it: tens of
    percent of own coefficients, a few percent of partially shared ones. Every source has noise of
    its own.

    Parameters
    ----------
    own : iterable of str, optional
        Coefficients of each source's own; unless given the floor and the amplitudes of terms.
    partial : iterable of str, optional
        Partially shared coefficients; unless given the exponents.

    Examples
    --------
    >>> BySource(partial=["alpha"])
    BySource(own=None, partial=('alpha',))
    """

    own: tuple[str, ...] | None = None
    partial: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Keep names as tuples, and refuse a name given twice."""
        for kind in ("own", "partial"):
            names = getattr(self, kind)
            if names is None:
                continue
            if isinstance(names, str) or not isinstance(names, Iterable):
                problem = f"{kind} = {names!r} is no list of coefficients"
                raise RequestError(problem, place="BySource", remedy=f'Give {kind}=["alpha"]')
            object.__setattr__(self, kind, tuple(names))
        both = sorted({*(self.own or ())} & {*(self.partial or ())})
        if both:
            problem = f"{', '.join(both)} cannot be both own and partially shared"
            raise RequestError(problem, place="BySource", remedy="Name each once")

    def roles(self, law: Law) -> dict[str, str]:
        """``own``, ``partial`` or ``shared`` for each coefficient of a law."""
        place = "fit, pool"
        for names in (self.own, self.partial):
            missing = f"{law.name} has no parameter {{!r}}"
            check_names(names or (), law.parameters, missing, place=place)
        default = {name: _default(law, name) for name in law.parameters}
        partial = [n for n, role in default.items() if role == "partial"]
        own = [n for n, role in default.items() if role == "own"]
        partial = [*self.partial] if self.partial is not None else partial
        own = [*self.own] if self.own is not None else own
        taken = {*(self.own or ())}, {*(self.partial or ())}
        partial = [name for name in partial if name not in taken[0]]
        own = [name for name in own if name not in taken[1]]
        return {
            name: "own" if name in own else "partial" if name in partial else "shared"
            for name in law.parameters
        }

    def pools(self, law: Law, runs: Runs, noise: Noise) -> tuple[Pool, ...]:
        """The pooled coefficients of a law for a table of several sources."""
        groups, levels = sources(runs), sets(runs)
        pools = []
        for name, role in self.roles(law).items():
            if role == "shared":
                continue
            if name == law.form.floor:
                column = SET if SET in runs.groups else SOURCE
                direct = law.parameters[name].prior.family == "lognormal"
                spread = _FLOOR if role == "own" else _PARTIAL
                pools.append(Pool(name, column, levels, spread, direct))
            else:
                own = role == "own"
                pools.append(Pool(name, SOURCE, groups, _OWN if own else _PARTIAL, direct=True))
        first = next(iter(noise.priors))
        return (*pools, Pool(first, SOURCE, groups, _NOISE, direct=True))

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        lists = {"own": self.own, "partial": self.partial}
        return {name: None if names is None else [*names] for name, names in lists.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BySource:
        """The inverse of ``to_dict``."""
        return cls(**{name: None if v is None else tuple(v) for name, v in data.items()})


def _default(law: Law, name: str) -> str:
    """Own for floors and amplitudes of terms, partial for exponents, shared for the rest."""
    parameter = law.parameters[name]
    if parameter.role == "floor":
        return "own"
    stated = parameter.on.text.replace(" ", "")
    if stated.endswith(f"/{SCALE}"):
        term = stated.removesuffix(f"/{SCALE}")
        return "own" if not law.terms or term in law.terms else "shared"
    return "partial" if _is_exponent(law, name) else "shared"


def _is_exponent(law: Law, name: str) -> bool:
    """Whether a positive coefficient stands in the power of a variable."""
    if law.parameters[name].prior.family != "lognormal":
        return False
    powers = (
        node.right
        for _, line in law.formula.lines
        for node in ast.walk(line.tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
    )
    return any(name in names_in(power) for power in powers)
