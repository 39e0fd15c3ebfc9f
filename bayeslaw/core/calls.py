"""Calls of public names: what a signature does not admit is refused before anything is computed."""

from __future__ import annotations

import builtins
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from importlib import import_module
from numbers import Real
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
#: What an annotation admits, where that is more or less than its own type.
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "float": ((Real,), "a number"),
    "int": ((Real,), "a whole number"),
    "bool": ((bool,), "True or False"),
    "str": ((str,), "text"),
    "Path": ((os.PathLike,), "a path"),
    "Mapping": ((Mapping,), "a mapping"),
    "Sequence": ((Iterable,), "a list"),
    "Iterable": ((Iterable,), "a list"),
    "None": ((type(None),), ""),
}
#: What our own classes are, and where they come from.
_OURS = {
    "pd.DataFrame": "a DataFrame",
    "np.ndarray": "an array",
    "Runs": "runs of bl.read_runs",
    "Posterior": "a posterior, which bl.fit returns",
    "Mixture": "a mixture of bl.average_laws",
    "Budget": "bl.Budget(train_flops=...)",
    "EfficiencyRules": "bl.EfficiencyRules(slope=...)",
    "Optimum": "an optimum, which bl.optimum returns",
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
            given = signature.bind(*args, **options).arguments
        except TypeError as error:
            raise _refusal(name, list(signature.parameters), options, error) from None
        # A class reads more than its fields are, such as 30B, and checks them itself.
        for option, value in given.items() if name == called.__qualname__ else ():
            parameter = signature.parameters[option]
            for each in value if parameter.kind is parameter.VAR_POSITIONAL else (value,):
                _check_type(called, name, parameter, each)
        return called(*args, **options)

    return cast(F, call)


def _refusal(name: str, known: list[str], given: dict[str, Any], error: TypeError) -> RequestError:
    known = [option for option in known if option not in ("self", "cls")]
    unknown = next((option for option in given if option not in known), None)
    if unknown is None:
        return RequestError(str(error), place=name, remedy=f"It takes {', '.join(known)}")
    meant = _MEANT.get(unknown)
    remedy = f"Write {meant}=" if meant in known else nearest(unknown, known)
    return RequestError(f"there is no option {unknown!r}", place=name, remedy=remedy)


def _check_type(
    called: Callable[..., Any], name: str, parameter: inspect.Parameter, value: Any
) -> None:
    """Refuse a value of another type than the annotation of its parameter."""
    if parameter.annotation is parameter.empty or parameter.kind is parameter.VAR_KEYWORD:
        return
    kinds, words = _admitted(called, str(parameter.annotation))
    number = kinds and Real in kinds and bool not in kinds and isinstance(value, bool)
    if kinds and (number or not isinstance(value, kinds)):
        plain = isinstance(value, str | Real | None)
        shown = f"= {value!r}" if plain else f"is a {type(value).__name__}"
        problem = f"{parameter.name} {shown}"
        raise RequestError(problem, place=name, remedy=f"Give {words}")


@cache
def _admitted(called: Callable[..., Any], annotation: str) -> tuple[tuple[type, ...], str]:
    """Types that an annotation admits, and in words; none where it says nothing definite."""
    types: list[type] = []
    words: list[str] = []
    for part in _alternatives(annotation):
        found = _KINDS.get(part)
        if found is None:
            kind = _named(called, part)
            if not isinstance(kind, type):
                return (), ""
            found = (kind,), _OURS.get(part, f"a {part}")
        types += found[0]
        words += [found[1]] if found[1] else []
    return tuple(types), " or ".join(dict.fromkeys(words))


def _named(called: Callable[..., Any], name: str) -> Any:
    """What a name of an annotation stands for; pandas may be imported for type checks alone."""
    head, _, tail = name.partition(".")
    known = {**vars(builtins), **getattr(called, "__globals__", {})}
    found = import_module("pandas") if head == "pd" else known.get(head)
    return getattr(found, tail, None) if tail else found


def _alternatives(annotation: str) -> list[str]:
    """The parts of a union, without what stands in brackets."""
    parts, depth, part = [], 0, ""
    for character in annotation:
        depth += (character == "[") - (character == "]")
        if character == "|" and depth == 0:
            parts.append(part.strip())
            part = ""
        elif depth == 0 and character != "]":
            part += character
    return [*parts, part.strip()]
