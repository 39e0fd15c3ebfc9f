"""Bayesian scaling laws for Mixture-of-Experts language models.

>>> import bayeslaw as bl
>>> runs = bl.simulate("zhao2025", seed=7)
>>> posterior = bl.fit(runs, "zhao2025", seed=1)  # doctest: +SKIP
>>> best = bl.optimum(posterior, at={"N": 30e9})  # doctest: +SKIP
"""

from typing import Any

import lazy_loader

from bayeslaw.core.errors import nearest
from bayeslaw.core.version import __version__

# JAX takes seconds to import, so a name loads its room when first used; `__init__.pyi` lists them.
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]


def __getattr__(name: str) -> Any:
    """Load a public name; one that does not exist names the nearest that does."""
    try:
        return _load(name)
    except AttributeError:
        problem = f"bayeslaw has no {name!r}. {nearest(name, __all__)}"
        raise AttributeError(problem, name=name) from None
