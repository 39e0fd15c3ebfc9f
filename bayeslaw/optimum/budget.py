"""What bounds an optimum."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bayeslaw.errors import RequestError


@dataclass(frozen=True)
class Budget:
    """Constraints on the runs that are considered.

    Attributes
    ----------
    train_flops : float or None
        Training FLOPs, in the cost convention of the law; spent exactly.
    """

    train_flops: float | None = None

    def __post_init__(self) -> None:
        """Refuse budgets that no run has."""
        flops = self.train_flops
        if flops is not None and not (
            isinstance(flops, int | float) and math.isfinite(flops) and flops > 0
        ):
            raise RequestError(
                f"train_flops = {flops!r}", place="Budget", remedy="Give a positive number"
            )
