"""``load``: open a saved posterior."""

from __future__ import annotations

from pathlib import Path

from bayeslaw.core.calls import public
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.storage import read


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
        If the file is missing, truncated or not a posterior, or its table differs from the fitted.
    """
    return Posterior(**read(Path(path)))
