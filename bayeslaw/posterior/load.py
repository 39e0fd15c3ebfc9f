"""``load``: open a saved posterior."""

from __future__ import annotations

from pathlib import Path

from bayeslaw.posterior.posterior import Posterior
from bayeslaw.posterior.storage import read


def load(path: str | Path) -> Posterior:
    """Open a saved posterior.

    Parameters
    ----------
    path : str or Path
        A file that ``Posterior.save`` or ``bayeslaw fit --out`` wrote.

    Returns
    -------
    Posterior
        As it was saved.

    Raises
    ------
    PosteriorError
        If the file is missing, truncated or foreign, or its table is not the one fitted to.
    """
    return Posterior(**read(Path(path)))
