"""How to fit: everything but the table, the law and the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from bayeslaw.core.errors import RequestError, nearest, whole
from bayeslaw.inference.nuts import CHUNK
from bayeslaw.model.noise import noise as load_noise
from bayeslaw.model.options import Asked
from bayeslaw.model.pooling import Asked as Pooled

Method = Literal["nuts", "laplace", "mode"]
METHODS = ("nuts", "laplace", "mode")


@dataclass(frozen=True)
class Settings:
    """How to fit: everything but the table, the law and the reference.

    Attributes
    ----------
    method : {"nuts", "laplace", "mode"}
        Algorithm.
    noise : str
        Observation model.
    seed, chains, draws, warmup : int
        As for ``fit``.
    fallback : bool
        Whether NUTS takes over where the Laplace approximation fails.
    discrepancy, pool
        As for ``fit``.
    """

    method: Method = "nuts"
    noise: str = "student_t"
    seed: int = 0
    chains: int = 4
    draws: int = 1000
    warmup: int = 400
    fallback: bool = False
    discrepancy: Asked = None
    pool: Pooled = ()

    def __post_init__(self) -> None:
        """Refuse what no fit can do."""
        load_noise(self.noise)
        if self.method not in METHODS:
            remedy = nearest(str(self.method), METHODS)
            raise RequestError(f"unknown method {self.method!r}", place="fit", remedy=remedy)
        # Kept as Python's own integers, since NumPy's cannot be written as JSON.
        for name, least in (("seed", 0), ("chains", 1), ("draws", -CHUNK), ("warmup", -CHUNK)):
            value = whole(getattr(self, name), name, place="fit", least=least)
            object.__setattr__(self, name, value)
        for name, value in (("draws", self.draws), ("warmup", self.warmup)):
            if value < CHUNK or value % CHUNK:
                remedy = f"Give a multiple of {CHUNK}"
                raise RequestError(f"{name} = {value}", place="fit", remedy=remedy)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain data, the same after they were saved and read again."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        missed = self.discrepancy
        if isinstance(missed, Sequence) and not isinstance(missed, str):
            missed = [one if isinstance(one, str) else repr(one) for one in missed]
        elif missed is not None and not isinstance(missed, str):
            missed = [repr(missed)]
        pool: Any = [self.pool] if isinstance(self.pool, str) else [*self.pool]
        if isinstance(self.pool, Mapping):
            pool = dict(self.pool)
        return {**found, "discrepancy": missed, "pool": pool or None}

    @property
    def iterations(self) -> int:
        """Iterations of all chains together."""
        return self.chains * (self.warmup + self.draws)
