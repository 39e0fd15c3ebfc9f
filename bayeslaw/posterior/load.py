"""``load``: open a saved posterior."""

from __future__ import annotations

from pathlib import Path

from bayeslaw.core.calls import public
from bayeslaw.core.errors import PosteriorError
from bayeslaw.core.files import as_path
from bayeslaw.posterior.opening import read
from bayeslaw.posterior.posterior import Posterior


@public
def load(path: str | Path) -> Posterior:
    """Open a saved posterior.

    Parameters
    ----------
    path : str or Path
        A file that ``Posterior.save`` or ``bayeslaw fit --out`` wrote.

    Returns
    -------
    Posterior
        The saved posterior.

    Raises
    ------
    PosteriorError
        If the file is missing, damaged or not a posterior, or its table differs from the fitted.
    """
    return Posterior(**read(as_path(path, place="load", error=PosteriorError)))
