"""Calls of public names: an option that does not exist is refused with the one that was meant."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from bayeslaw.core.errors import RequestError, nearest

#: Options of other packages, and ours for the same.
_MEANT = {
    **dict.fromkeys(("random_seed", "random_state", "rng_seed", "rng", "rng_key"), "seed"),
    **dict.fromkeys(("tune", "num_warmup", "iter_warmup", "n_tune", "burn_in"), "warmup"),
    **dict.fromkeys(("num_samples", "iter_sampling", "samples", "n_draws"), "draws"),
    **dict.fromkeys(("num_chains", "n_chains", "cores"), "chains"),
    **dict.fromkeys(("hdi_prob", "prob", "level", "credible_interval", "alpha"), "ci_prob"),
    **dict.fromkeys(("progressbar", "progress_bar"), "progress"),
    **dict.fromkeys(("where", "point", "fixed"), "at"),
}


def public[F: Callable[..., Any]](called: F) -> F:
    """Refuse calls of a function, method or class that its signature does not admit."""
    if isinstance(called, type):
        own: Any = called
        own.__init__ = public(own.__init__)
        return called
    signature, name = inspect.signature(called), called.__qualname__.removesuffix(".__init__")

    @wraps(called)
    def call(*args: Any, **options: Any) -> Any:
        try:
            signature.bind(*args, **options)
        except TypeError as error:
            known = [each for each in signature.parameters if each not in ("self", "cls")]
            raise _refusal(name, known, options, error) from None
        return called(*args, **options)

    return cast(F, call)


def _refusal(name: str, known: list[str], given: dict[str, Any], error: TypeError) -> RequestError:
    unknown = next((option for option in given if option not in known), None)
    if unknown is None:
        return RequestError(str(error), place=name, remedy=f"It takes {', '.join(known)}")
    meant = _MEANT.get(unknown)
    remedy = f"Write {meant}=" if meant in known else nearest(unknown, known)
    return RequestError(f"there is no option {unknown!r}", place=name, remedy=remedy)
