"""Metadata of a fit: its settings, method and diagnostics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from bayeslaw.core.errors import RequestError, nearest, whole
from bayeslaw.model.by_source import BySource
from bayeslaw.model.noise import Noise
from bayeslaw.model.options import SOURCES, DiscrepancyOption, PoolOption

Method = Literal["nuts", "laplace", "mode"]
METHODS: tuple[Method, ...] = ("nuts", "laplace", "mode")
#: Iterations of NUTS come in chunks, between which it reports progress and can be interrupted.
CHUNK = 100


@dataclass(frozen=True)
class FitSettings:
    """How to fit: everything but the table, the law and the reference; as for ``fit``."""

    method: Method = "nuts"
    noise: str = "student_t"
    seed: int = 0
    chains: int = 4
    draws: int = 1000
    warmup: int = 400
    fallback: bool = False
    discrepancy: DiscrepancyOption = None
    pool: PoolOption = ()

    def __post_init__(self) -> None:
        """Reject unknown names and numbers out of range."""
        Noise(self.noise)
        if self.method not in METHODS:
            remedy = nearest(str(self.method), METHODS)
            raise RequestError(f"unknown method {self.method!r}", place="fit", remedy=remedy)
        # Kept as Python's own integers, since NumPy's cannot be written as JSON.
        for name, least in (("seed", 0), ("chains", 1), ("draws", -CHUNK), ("warmup", -CHUNK)):
            value = whole(getattr(self, name), name, place="fit", least=least)
            object.__setattr__(self, name, value)
            if name in ("draws", "warmup") and (value < CHUNK or value % CHUNK):
                remedy = f"Give a multiple of {CHUNK}"
                raise RequestError(f"{name} = {value}", place="fit", remedy=remedy)

    @property
    def iterations(self) -> int:
        """Iterations of all chains together."""
        return self.chains * (self.warmup + self.draws)

    @property
    def as_recorded(self) -> FitSettings:
        """The same with kernels by their description, equal after writing and reading."""
        return FitSettings.from_dict(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain data."""
        parts = self.discrepancy
        if parts is not None and not isinstance(parts, str):
            every = parts if isinstance(parts, Sequence) else [parts]
            parts = [part if isinstance(part, str) else repr(part) for part in every]
        pool: Any
        if isinstance(self.pool, BySource):
            pool = {"by_source": self.pool.to_dict()}
        elif isinstance(self.pool, Mapping):
            pool = dict(self.pool)
        else:
            pool = [self.pool] if isinstance(self.pool, str) else [*self.pool]
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**plain, "discrepancy": parts, "pool": pool or None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FitSettings:
        """The settings from plain data."""
        known = {item.name: data[item.name] for item in fields(cls) if item.name in data}
        pool = known.get("pool") or ()
        if isinstance(pool, Mapping) and isinstance(pool.get("by_source"), Mapping):
            pool = BySource.from_dict(pool["by_source"])
        return cls(**{**known, "pool": SOURCES if pool == [SOURCES] else pool})


@dataclass(frozen=True)
class FitInfo:
    """Metadata of a fit.

    Attributes
    ----------
    settings : FitSettings
        As requested.
    method : {"nuts", "laplace", "mode", "prior"}
        The method that generated the draws: ``nuts`` after a fallback from ``laplace``, ``prior``
        if the density is finite nowhere.
    attempts, target_accept, thin : int, float, int
        NUTS: number of attempts, target acceptance and thinning of the draws kept.
    bfmi : float, optional
        NUTS: smallest E-BFMI over the chains, before thinning.
    pareto_k, effective_draws : float, optional
        Laplace: Pareto k and effective sample size of the importance weights.
    starts_at_mode : tuple of (int, int), optional
        Number of searches that converge to the best mode, and of all searches.
    group : dict of str to str or None, optional
        The group that the coefficients belong to; None of one that no run belongs to.
    versions : dict of str to str
        Of the packages that made the fit.
    """

    settings: FitSettings = FitSettings()
    method: str = "nuts"
    attempts: int = 1
    target_accept: float | None = None
    thin: int = 1
    bfmi: float | None = None
    pareto_k: float | None = None
    effective_draws: float | None = None
    starts_at_mode: tuple[int, int] | None = None
    group: dict[str, str | None] | None = None
    versions: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The fields that are set, as plain data.

        Returns
        -------
        dict
            By the names of the attributes; ``settings`` is a dict.
        """
        own = {item.name: getattr(self, item.name) for item in fields(self)}
        own["settings"] = self.settings.to_dict()
        return {name: value for name, value in own.items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FitInfo:
        """Read what ``to_dict`` wrote, or the single dict of files before format 2.

        Parameters
        ----------
        data : mapping
            Plain data.

        Returns
        -------
        FitInfo
            The same.
        """
        if "settings" not in data:
            method = data["method"]
            requested = {**data, "method": method if method in METHODS else "nuts"}
            renamed = {"effective": "effective_draws", "of_group": "group"}
            own = {renamed.get(name, name): value for name, value in data.items()}
            data = {**own, "settings": requested}
        known = {item.name: data[item.name] for item in fields(cls) if item.name in data}
        known["settings"] = FitSettings.from_dict(data["settings"])
        if "starts_at_mode" in known:
            known["starts_at_mode"] = tuple(known["starts_at_mode"])
        return cls(**known)
